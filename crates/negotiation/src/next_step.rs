//! What happens next, who acts and until when: a sentence for the borrower in every state.

use assessment::LocalizedText;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::application::{Application, State};

/// Who acts next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextActor {
    /// Nobody; the case is closed.
    Nobody,
    Borrower,
    /// The platform, by itself.
    Platform,
    Officer,
    Supervisor,
}

/// The next step of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    pub actor: NextActor,
    pub until: Option<Timestamp>,
    pub sentence: LocalizedText,
}

impl Application {
    /// The next step, with moments written in the zone of the pack (`zone`, IANA; UTC where unknown).
    pub fn next_step(&self, zone: &str) -> NextStep {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let at =
            |moment: Timestamp| moment.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        match &self.state {
            State::Submitted | State::InReview | State::AwaitingCosign { .. } => self.step_of_ours(&at),
            State::EvidenceRequested { until, .. } => step(
                (NextActor::Borrower, Some(*until)),
                format!("请在 {} 前上传一份所列材料；收到后我们继续处理。", at(*until)),
                format!(
                    "Please upload one of the listed documents by {}; we go on as soon as it is here.",
                    at(*until)
                ),
            ),
            State::Offered { expires_at, offers, .. } => step(
                (NextActor::Borrower, Some(*expires_at)),
                format!(
                    "您有 {} 个方案可选，请在 {} 前接受其中之一，或提出您自己的方案。",
                    offers.len(),
                    at(*expires_at)
                ),
                format!(
                    "You have {} offer(s) to choose from: accept one by {}, or propose terms of your own.",
                    offers.len(),
                    at(*expires_at)
                ),
            ),
            State::Refused { review_until, .. } if self.refused_before.is_none() => step(
                (NextActor::Borrower, Some(*review_until)),
                format!("申请未通过。您可以在 {} 前要求由另一位专员重新审核。", at(*review_until)),
                format!(
                    "The application was refused. Until {} you can ask for another look by somebody else.",
                    at(*review_until)
                ),
            ),
            State::Refused { .. } => closed(
                "申请经两次审核均未通过。情况有变化时，您可以重新申请。",
                "The application was refused by two people. If things change you can apply again.",
            ),
            State::Accepted { .. } => closed(
                "方案已生效，请按新的还款计划还款。",
                "Your plan is in force; please pay by the new schedule.",
            ),
            State::Expired => {
                closed("方案已过期。您可以重新申请。", "The offers have run out. You can apply again.")
            }
            State::Withdrawn => closed(
                "申请已撤回。您可以随时重新申请。",
                "The application was withdrawn. You can apply again at any time.",
            ),
            State::OnHold => step(
                (NextActor::Platform, None),
                "依法暂停处理，期间不会联系或催收。".to_owned(),
                "The case is held by law; you are neither contacted nor chased meanwhile.".to_owned(),
            ),
        }
    }

    /// The states in which the platform owes the answer.
    fn step_of_ours(&self, at: &dyn Fn(Timestamp) -> String) -> NextStep {
        let due = self.answer_due();
        let text = due.map(at).unwrap_or_default();
        if self.escalated {
            return late(due);
        }
        match &self.state {
            State::InReview => step(
                (NextActor::Officer, due),
                format!("专员正在审核您的申请，最迟于 {text} 给您答复。"),
                format!("An officer is looking at your case and answers by {text}."),
            ),
            State::AwaitingCosign { .. } => step(
                (NextActor::Supervisor, due),
                format!("方案已拟定，正等待主管复核，最迟于 {text} 给您答复。"),
                format!(
                    "An offer is ready and waits for a supervisor's signature; you hear from us by {text}."
                ),
            ),
            _ => step(
                (NextActor::Platform, due),
                format!("我们正在评估您的申请，最迟于 {text} 给您答复；在此期间不会催收。"),
                format!(
                    "We are assessing your application and answer by {text}. You are not chased meanwhile."
                ),
            ),
        }
    }
}

fn step((actor, until): (NextActor, Option<Timestamp>), zh_cn: String, en: String) -> NextStep {
    NextStep { actor, until, sentence: LocalizedText { zh_cn, en } }
}

fn closed(zh_cn: &str, en: &str) -> NextStep {
    let sentence = LocalizedText { zh_cn: zh_cn.to_owned(), en: en.to_owned() };
    NextStep { actor: NextActor::Nobody, until: None, sentence }
}

fn late(due: Option<Timestamp>) -> NextStep {
    let sentence = LocalizedText {
        zh_cn: "答复已超时，主管正在处理。迟延期间不计罚息。".to_owned(),
        en: "Our answer is late; a supervisor has your case. No penalty accrues for our delay.".to_owned(),
    };
    NextStep { actor: NextActor::Supervisor, until: due, sentence }
}
