"""Judges as instruments: does each have a certificate that fits, agree with people, stay the same?"""

from __future__ import annotations

import streamlit as st

from dashboards import frames, judgeframes, reading, shown, urlstate
from promptops import (
    Certificate,
    DeclaredJudge,
    DeclaredJudges,
    PromptopsError,
    agreement_plot,
    compared_sentences,
    drift_plot,
    hidden_biases,
)
from promptops.texts.figures import span

DECLARE = '[metrics.quality]\nmetric = "rubric"\nmodel = "PROVIDER/MODEL"'
AGREEMENT = ("judge with people", "people with people")
COMPARISONS = 10
NEWEST = 5


def show() -> None:
    """Draw the page."""
    st.header("Judges", anchor=False)
    try:
        found = reading.judges()
        if found.judges:
            _list(found)
            _details(_chosen(found))
        _broken(found)
        compared = _compared()
        if not found.judges and not compared:
            shown.empty(
                "No set of this project has a judge. Declare one in a set's evalset.toml, then reload this "
                "page:",
                DECLARE,
            )
    except PromptopsError as error:
        shown.refuse(error)


def _list(found: DeclaredJudges) -> None:
    shown.table(
        judgeframes.judges_frame(found.judges),
        right=(*AGREEMENT, "bias", "unread", "rated"),
        alt="The judges of the sets with their certificates",
    )
    shown.quiet(
        "Agreement is that of the judge with single people, beside that of people with one "
        "another: the second is what can be hoped for. Brackets are 95 % intervals. The bias is "
        "the judge's score less people's, in units of the scale; unread is the share of cases to "
        "which it gave no score."
    )
    if any(judge.stand_in for judge in found.judges):
        st.caption("\\* a rule-based stand-in, not an LLM; its figures only show the way.")


def _chosen(found: DeclaredJudges) -> DeclaredJudge:
    judges = {judge.name: judge for judge in found.judges}
    names = list(judges)
    # What has a certificate has something to look at.
    usual = next((judge.name for judge in found.judges if judge.certificate is not None), names[0])
    left, _ = st.columns(2)
    with left:
        return judges[urlstate.choice("Judge", "judge", names, shown=frames.cell, default=usual)]


def _details(judge: DeclaredJudge) -> None:
    with st.container(border=True):
        _state(judge)
    if judge.certificate is not None:
        _held(judge.certificate, judge)
    if not judge.pairs:
        _beside(judge)
    if judge.signature and not judge.pairs:
        _drift(judge)


def _state(judge: DeclaredJudge) -> None:
    held = judge.certificate
    with st.container(horizontal=True):
        _badges(judge)
    if judge.state == "valid" and held is not None:
        shown.lead(
            f"Certified on {held.made_at[:10]} against {held.ratings} ratings of {held.cases} cases by "
            f"{held.against}."
        )
        if judge.doubt:
            shown.text(judge.doubt)
        if judge.outdated:
            shown.text(f"But {judge.outdated}. Certify it anew:")
        if held.copies:
            shown.text(
                f"Two people said the same of all {held.copies[0]} cases that both rated: was one sheet "
                "taken in for both?"
            )
    else:
        shown.lead(judge.why)
    if judge.demanded:
        st.caption("A rule of the gate asks for a certificate that fits; without one it can't measure.")
    if judge.command:
        st.code(judge.command, language="shell")
    check = judge.check
    if check is not None and check.drifted:
        if check.before is not None and check.since is not None:
            shown.text(
                f"It changed {span(check.before, check.since)}: scores from before and after don't mean the "
                "same. Take the judge as it is now:"
            )
        st.code(f"promptops judge freeze {judge.name} --renew", language="shell")
    facts = {
        "kind": judge.kind,
        "model": " + ".join(judge.models),
        "scale": "" if judge.low is None or judge.high is None else f"{judge.low:g} to {judge.high:g}",
        "signature": judge.mark,
        "raters": str(len(judge.raters)) if judge.raters else "",
    }
    shown.text("   ".join(f"{name}: {fact}" for name, fact in facts.items() if fact))
    if judge.signature:
        with st.expander("The whole signature"):
            shown.block(judge.signature)
    if (judge.low is not None or judge.pairs) and st.button(
        "Rate cases of this judge", key=f"rate-{judge.name}"
    ):
        st.switch_page("views/label.py", query_params={"judge": judge.name})


def _badges(judge: DeclaredJudge) -> None:
    """Show how the certificate stands, and beside it that the judge has changed since."""
    if judge.state == "void":
        st.badge("void", color="red")
    elif judge.state == "weak":
        st.badge("too weak", color="orange")
    elif judge.state == "unknown":
        st.badge("can't be told", color="violet")
    elif judge.state == "none":
        st.badge("no certificate", color="gray")
    elif judge.outdated:
        st.badge("valid, but its ratings have changed since", color="orange")
    elif judge.doubt:
        st.badge("valid, but agrees no better than chance", color="orange")
    else:
        st.badge("valid", color="green")
    if judge.check is not None and judge.check.drifted:
        st.badge("the judge has changed", color="red")


def _held(held: Certificate, judge: DeclaredJudge) -> None:
    drawn = agreement_plot(held)
    left, right = st.columns([7, 3], gap="medium")
    with left:
        st.markdown("**Agreement**")
        shown.table(
            judgeframes.measures_frame(held),
            right=(*AGREEMENT, "difference"),
            alt="Each measure of agreement, beside that of people with one another",
        )
        scale = f"on a scale from {held.low:g} to {held.high:g}"
        if held.compared is None:
            shown.text(f"Bias: {judgeframes.told(held.bias, sign=True)}, {scale}.")
        else:
            for each in compared_sentences(held.compared, held.bias):
                shown.text(each)
        if held.agreement.gap.value is not None:
            shown.quiet(
                "Difference: above 0 the judge agrees better with a person than people do with one another."
            )
        hidden = hidden_biases(held.parts, held.allowed)
        if hidden:
            shown.text(hidden)
        unread = held.unscored - held.unanswered
        asked = held.cases + unread
        shown.text(f"Unread: {judgeframes.share(judge.unread)}, {unread} of {asked} cases.")
        if held.unanswered:
            shown.text(f"Without an answer of the judge: {held.unanswered}. Certify it again.")
        if held.unrated:
            times = "once" if held.unrated == 1 else f"{held.unrated} times"
            shown.text(f"People could not tell {times}. That is no rating.")
        if held.people == 1:
            st.caption("One person rated, so that nothing tells how well people agree.")
    with right:
        if drawn is not None:
            shown.plot(drawn)
        else:
            st.caption("This certificate keeps no pairs to draw. Certify the judge again to see them.")
    if held.classes:
        st.markdown("**By value of the scale**" if held.compared is None else "**By verdict**")
        shown.table(
            judgeframes.classes_frame(held),
            right=("value", "right", "found", "missed", "false", "bias"),
            alt="Each value of the scale: how often it is right and found, and the judge's bias there",
        )
        shown.quiet(
            "Right: of the cases where the judge says this value, the share where people say it too. "
            "Found: of those where people say it, the share where the judge does. Bias: the judge's score "
            "less this value, where people say it. People's own scatter pulls it towards the middle: at the "
            "lowest value it can only lie above 0, at the highest only below."
        )


def _beside(judge: DeclaredJudge) -> None:
    """Draw what belongs beside the judge's figure on the newest run that it scored: its noise, too."""
    for run in reading.runs(NEWEST, 0, judge.evalset):
        told = reading.judge_notes(run.id).get(judge.label, ())
        if told:
            st.markdown("**Beside its figure**")
            shown.quiet(f"On the newest run that it scored, {shown.run_name(run)}:")
            for each in told:
                shown.text(each)
            return


def _drift(judge: DeclaredJudge) -> None:
    st.markdown("**Drift**")
    found = reading.drift(judge.name)
    if found is None:
        shown.quiet(
            "No anchors are frozen, so that nobody would notice if the judge changed behind its name."
        )
        st.code(f"promptops judge freeze {judge.name}", language="shell")
        return
    for point in found.points:
        if point.before is not None and point.since is not None:
            shown.text(f"Changed {span(point.before, point.since)}.")
    drawn = drift_plot(found)
    if drawn is not None:
        left, _ = st.columns([3, 2])
        with left:
            shown.plot(drawn)
    else:
        shown.quiet(
            f"{found.anchors} anchors were frozen on {found.frozen_at[:10]}, and have not been judged again "
            "by this judge."
        )
    if found.others:
        shown.quiet(f"{found.others} readings of other anchors, or by the judge as it was, are left out.")
    if judge.check is None or not judge.check.drifted:
        st.code(f"promptops judge check {judge.name}", language="shell")


def _compared() -> bool:
    """Draw what pairwise judges said, if they were asked."""
    found = reading.preferences(COMPARISONS)
    if not found:
        return False
    st.subheader("Judges of pairs", anchor=False, divider="gray")
    shown.table(
        judgeframes.pairs_frame(found),
        right=("candidate won", "chose the first", "flipped", "p of the order", "unread", "n"),
        alt="The latest comparisons by a judge of pairs, with its position bias",
    )
    shown.quiet(
        "Every pair is shown in both orders. Chose the first: of the decided replies, the share "
        "that chose the answer shown first; 0.5 is no position bias. Flipped: pairs whose verdict"
        " changed with the order. The p is exact, for no preference for a place."
    )
    return True


def _broken(found: DeclaredJudges) -> None:
    if found.broken:
        st.markdown("**Sets that can't be read**")
        for name, why in found.broken.items():
            shown.text(f"{name}: {why}")


show()
