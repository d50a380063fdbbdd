"""Lists of small words, abbreviations and labels in six languages, for the offline rules."""

from __future__ import annotations


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


ABBREVIATIONS = _listed("""
    dr mr mrs ms prof st vs etc e.g i.e jr sr inc ltd co fig approx rev hon cf vol pp
    gen col sgt capt lt cllr cpl insp supt
    bzw z.b d.h u.a usw ca evtl ggf inkl hr fr str mio mrd sra srta ud uds núm art pág ee.uu г ул им
    тыс млн млрд руб коп стр рис т.е т.д т.п напр пр пл рр р ст вул обл грн тис див
""")
BEFORE_NUMBERS = _listed("""
    no nr nos núm № p art abs sec vol
""")
OPENERS = _listed("""
    The A An He She It They We I You In On At But And For His Her Its Their This That These Those
    There After Before When While No Not One Two As If By From With Since Police Officials Members
    Both
""")
SMALL_WORDS = _listed("""
    a an the of to in on at by for with from and or but nor as is are was were be been being it its
    this that these those there here he she they we you i his her their our your my me him them us
    who whom which what when where why how not no so if than then too very can could may might will
    would shall should must do does did done has have had having into onto over under about after
    before between through during out up down off again also just only own same such any some all
    each both more most other per via der die das den dem des ein eine einen einem einer eines und
    oder aber ist sind war waren sein im am um zu zum zur von vom mit auf aus bei für nach über
    unter vor wie wer wo wann wird werden wurde wurden hat haben hatte er sie es wir ihr ich nicht
    auch nur noch schon als dass daß sich seine ihre durch bis welche welcher welches welchem
    welchen viel viele el la los las un una unos unas de del al y o u pero son era eran fue fueron
    ser está están en con por para sin sobre entre hasta desde que qué quién quiénes cuál cuáles
    cuándo cuánto cuánta cuántos cuántas dónde cómo se su sus lo le les sí más muy ya también como
    si и в во на с со к ко по из за от до о об у для при не ни но а же ли бы что кто где когда как
    какой какая какое какие каком каким сколько это этот эта эти он она оно они его её их был была
    было были быть есть так также уже только или если чем і й та з із зі від під над про що хто де
    коли як який яка яке які якому якій якого скільки це цей ця ці він вона воно вони його її їх був
    була було були бути є також вже лише або якщо
""")
HAN_SMALL = frozenset("的了在是和与及或也都就而把被从到对为以之其于吗呢吧啊着过什么怎样如何多少哪几谁个")
CLOCK = frozenset(("a.m", "p.m"))
MATERIAL_LABELS = _listed("""
    article text passage mail email e-mail message document context story body subject headline
    title report paragraph content ticket letter review transcript note input notes customer artikel
    nachricht betreff abschnitt dokument texto artículo pasaje mensaje asunto correo documento текст
    статья отрывок письмо сообщение тема стаття уривок лист повідомлення 文章 正文 短文 文本 材料 段落
""")
QUESTION_LABELS = _listed("""
    question q frage pregunta вопрос питання запитання 问题 問題 提问
""")
ANSWER_LABELS = _listed("""
    answer summary json output result reply response a antwort zusammenfassung respuesta resumen
    ответ відповідь 答案 回答 摘要
""")
TASK_LABELS = _listed("""
    instructions instruction task rules rule format examples example criteria aufgabe
""")
NUMBER_WORDS = _listed("""
    one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty
    hundred thousand dozen eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig
    dreißig hundert tausend uno dos tres cuatro cinco seis siete ocho nueve diez once doce quince
    veinte treinta cien mil один одна два две три четыре пять шесть семь восемь девять десять
    двенадцать двадцать сто тысяча двух трёх четырёх пяти шести семи восьми девяти десяти дві чотири
    п'ять шість сім вісім дев'ять дванадцять двадцять тисяча двох трьох чотирьох п'яти дев'яти
""")
"""Written numbers, as they stand in a text."""
TIME_WORDS = _listed("""
    janua febru march april may june july augus septe octob novem decem monda tuesd wedne thurs
    frida satur sunda sprin summe autum winte noon midni morni eveni märz mai juni juli oktob dezem
    monta diens mittw donne freit samst sonnt frühl somme herbs enero febre marzo abril mayo junio
    julio agost septi octub novie dicie lune marte miérc jueve viern sábad domin prima veran otoño
    invie январ февра март марте марта апрел май мая мае июнь июне июня июль июле июля авгус сентя
    октяб ноябр декаб понед вторн среда среду четве пятни суббо воскр весна весно лето летом осень
    зима зимой січен січня лютий лютом березн берез квіте траве черве червн липен липня липні серпе
    серпн верес жовте жовтн листо груде грудн вівто серед п'ятн субот неділ навес влітк восен взимк
""")
"""Stems of months, days and seasons."""


def _marks(text: str) -> tuple[str, ...]:
    return tuple(mark.strip() for mark in text.split("|"))


AMOUNT_QUESTIONS = _marks(
    "how many|how much|how long|how old|how far|how deep|how tall|how high|how wide|how large|"
    "how big|how often|how heavy|how fast|what percentage|what share|what number|which number|"
    "what price|what size|what is the price|wie viele?|wieviele?|wie lange?|wie alt|wie weit|"
    "wie tief|wie hoch|wie groß|wie breit|wie oft|wie schwer|wie schnell|welche zahl|welchem preis|"
    "cuánt[oa]s?|qué porcentaje|qué número|qué edad|qué altura|qué precio|сколько|скольких|скольким|"
    "какова длина|какова высота|насколько|какой процент|скільки|скількох|скільком|наскільки|"
    "який відсоток|多少|几|多长|多高|多大|多远|多久|多深|多重|多宽"
)
TIME_QUESTIONS = _marks(
    "when|what year|which year|what time|what hour|which hour|what month|which month|which day|"
    "what day|what date|which century|which season|wann|welchem jahr|welches jahr|wie viel uhr|"
    "wieviel uhr|welchem monat|welchem tag|welcher monat|cuándo|qué año|qué hora|qué mes|qué día|"
    "qué fecha|qué siglo|когда|каком году|какой год|каком месяце|котором часу|какой день|каком веке|"
    "во сколько|коли|якому році|якого року|якому місяці|який день|якій годині|котрій|який рік|什么时候|"
    "何时|哪一年|哪年|几点|几月|哪个月|哪一天|哪天|什么季节"
)
NAME_QUESTIONS = _marks(
    "who|whom|whose|where|which city|which country|which town|which river|which company|what name|"
    "wer|wem|wen|wessen|wo|wohin|woher|welcher stadt|welchem land|quién|quiénes|dónde|adónde|"
    "qué ciudad|qué país|кто|кого|кому|кем|чей|где|куда|откуда|каком городе|какой стране|хто|ким|де|"
    "куди|звідки|чий|якому місті|якій країні|谁|哪里|哪儿|哪个城市|哪个国家|什么地方|何处"
)
REASON_QUESTIONS = _marks(
    "why|for what reason|what caused|warum|wieso|weshalb|wozu|por qué|para qué|почему|зачем|из-за чего|"
    "чому|навіщо|через що|为什么|什么原因|有什么用处"
)
REASON_WORDS = _listed("""
    because since weil da wegen porque por para из-за потому чтобы бо через щоб
""")
