"""What `promptops judge ...` prints with `--json`, one object a command, described in docs/guide/json.md."""

from __future__ import annotations

from promptops.cli.documents import Document
from promptops.instruments import JudgeNoise, ReferenceEffect
from promptops.judging.agreeing import MetaEvaluation
from promptops.judging.anchors import Anchors
from promptops.judging.attacking import AttackReport
from promptops.judging.certificates import Certificate
from promptops.judging.corrected import JudgeCorrection
from promptops.judging.declared import DeclaredJudge, ShippedPrompt
from promptops.judging.drifting import AnchorCheck
from promptops.judging.recordedreplies import Replies
from promptops.pairs.standings import PairRanking


class PairRankDocument(Document):
    """`judge rank`."""

    ranking: PairRanking


class SoundingDocument(Document):
    """`judge noise`, `judge reference`: what was asked for; the other is null."""

    noise: JudgeNoise | None = None
    reference: ReferenceEffect | None = None


class AttackDocument(Document):
    """`judge attack`."""

    attack: AttackReport


class AgreeDocument(Document):
    """`judge agree`."""

    agreement: MetaEvaluation


class JudgePromptDocument(Document):
    """`judge prompt`."""

    prompt: ShippedPrompt


class JudgesDocument(Document):
    """`judge list`."""

    judges: tuple[DeclaredJudge, ...]
    broken: dict[str, str]


class CertificateDocument(Document):
    """`judge certify`."""

    certificate: Certificate


class AnchorsDocument(Document):
    """`judge freeze`."""

    anchors: Anchors
    file: str


class AnchorCheckDocument(Document):
    """`judge check`."""

    check: AnchorCheck
    exit_code: int


class CorrectionDocument(Document):
    """`judge correct`."""

    correction: JudgeCorrection


class RepliesDocument(Document):
    """`judge read`."""

    replies: Replies
