import pytest

from promptops.stats.textlanguage import UNKNOWN, language

SAID = {
    "en": "Could you please tell me what the status of my order is and when it will be delivered?",
    "de": "Können Sie mir bitte sagen, wie der Stand ist und wann die Bestellung geliefert wird?",
    "fr": "Pouvez-vous me dire où en est ma commande et quand elle sera livrée pour le client ?",
    "es": "¿Pueden decirme cómo está mi pedido y en qué fecha se entrega a los clientes por correo?",
    "it": "Potete dirmi come è lo stato del mio ordine e quando sono in arrivo gli altri della settimana?",
    "pt": "Vocês podem me dizer como está o meu pedido e quando não será mais possível receber os produtos?",
    "nl": "Kunt u mij zeggen wat de stand van mijn bestelling is en wanneer het pakket naar mij komt?",
    "sv": "Kan du säga hur det går med min beställning och när den kommer att vara här?",
    "pl": "Czy można się dowiedzieć, jak jest z moim zamówieniem i czy nie ma go po drodze do domu?",
    "tr": "Siparişim için bir bilgi var mı ve ne kadar daha sonra gelecek, bu çok geç değil mi?",
    "id": "Saya tidak tahu apa yang bisa dilakukan untuk pesanan ini dan itu akan ada dari mana?",
    "ru": "Скажите, что с моим заказом и когда он будет, я не могу ждать так долго и не знаю, как быть.",
    "uk": "Скажіть, що з моїм замовленням і коли воно буде, я не можу чекати так довго, якщо це від вас.",
    "el": "Πού είναι η παραγγελία μου;",
    "ja": "注文の状況を教えてください。",
    "zh": "请告诉我订单的状态。",
    "ko": "주문 상태를 알려 주세요.",
    "script Arabic": "أين طلبي؟",
}


@pytest.mark.parametrize("code", SAID)
def test_a_sentence_is_known_by_its_little_words_or_its_script(code: str) -> None:
    assert language(SAID[code]) == code


@pytest.mark.parametrize("text", ["", "12345", "Berlin Madrid", "def f(x): return x", "\ud800"])
def test_nobody_knows_the_language_of_a_few_words(text: str) -> None:
    assert language(text) == UNKNOWN
