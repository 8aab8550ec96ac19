//! Who may call what: generated from the access table, so that a new method is covered the moment it exists.

use std::fmt::Write as _;

use api::access::{ACCESS_TABLE, MethodAccess, OwnerKind, Role};
use api::leeway::notification::v1 as mail;
use chassis::principal::role_name;
use e2e::people::li;
use e2e::wire::{Wire, frame, string_field};
use e2e::{Refusal, Stage};
use tonic::{Code, Status};

const ROLES: [Role; 7] = [
    Role::Borrower,
    Role::Officer,
    Role::Supervisor,
    Role::PolicyAdmin,
    Role::Operator,
    Role::Service,
    Role::Auditor,
];
/// Servers streams have no end of their own.
const SHORT: (&str, &str) = ("grpc-timeout", "500m");

/// A connection to each service.
struct Doors {
    application: Wire,
    policy: Wire,
    notification: Wire,
}

impl Doors {
    async fn of(stage: &Stage) -> anyhow::Result<Self> {
        let [application, policy, notification] = stage.addresses();
        Ok(Self {
            application: Wire::connect(application).await?,
            policy: Wire::connect(policy).await?,
            notification: Wire::connect(notification).await?,
        })
    }

    /// Calls a method with one message.
    async fn call(&self, path: &str, headers: &[(&str, &str)], message: &[u8]) -> anyhow::Result<Status> {
        let door = match path.split('.').nth(1) {
            Some("application") => &self.application,
            Some("policy") => &self.policy,
            _ => &self.notification,
        };
        door.call(path, headers, frame(message)?).await
    }
}

fn denied() -> (Code, &'static str) {
    (Code::PermissionDenied, "ACCESS_DENIED")
}

/// The table as it is reviewed: a line a method.
fn matrix() -> String {
    let mut text = String::from(
        "# Method, roles that may call it, and the field that names a borrower's own resource.\n",
    );
    for MethodAccess { path, roles, owner, subject_free, .. } in ACCESS_TABLE {
        let roles = roles.iter().map(|role| role_name(*role)).collect::<Vec<_>>().join(" ");
        let nobodys = if *subject_free { "- (open to a service for a borrower)" } else { "-" };
        let owner =
            owner.map_or(nobodys.to_owned(), |owner| format!("{:?} in field {}", owner.kind, owner.number));
        writeln!(text, "{path} | {roles} | {owner}").unwrap();
    }
    text
}

#[test]
fn the_reviewed_matrix_is_the_table() {
    let reviewed = include_str!("access_matrix.txt");
    assert!(
        reviewed == matrix(),
        "review the change and store it as tests/e2e/access_matrix.txt:\n{}",
        matrix()
    );
}

/// Methods that no story here calls with a real request, with the reason.
const NEVER_CALLED: [(&str, &str); 0] = [];

#[test]
fn every_method_is_called_by_a_story() {
    let stories = [
        include_str!("clock.rs"),
        include_str!("desk.rs"),
        include_str!("errors.rs"),
        include_str!("feed_watch.rs"),
        include_str!("packs.rs"),
        include_str!("portfolio.rs"),
        include_str!("reads.rs"),
        include_str!("refusals.rs"),
        include_str!("replay.rs"),
        include_str!("stories.rs"),
        include_str!("../../crates/leeway/src/import/send.rs"),
    ]
    .concat();
    for access in ACCESS_TABLE {
        let method = access.path.rsplit('/').next().unwrap();
        let mut call = String::from(".");
        for letter in method.chars() {
            if letter.is_uppercase() && call.len() > 1 {
                call.push('_');
            }
            call.push(letter.to_ascii_lowercase());
        }
        call.push('(');
        let excused = NEVER_CALLED.iter().any(|(path, _)| *path == access.path);
        assert_ne!(stories.contains(&call), excused, "{}: `{call}`", access.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_not_listed_are_turned_away_before_anything_is_read() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T10:00+08:00").await?;
    let doors = Doors::of(&stage).await?;
    for access in ACCESS_TABLE {
        for role in ROLES {
            let principal = format!("{}:somebody", role_name(role));
            let headers = [("x-leeway-principal", principal.as_str()), SHORT];
            let listed = access.roles.contains(&role);
            // Not a message at all: whoever may not call learns nothing about that either.
            let message: &[u8] = if listed { &[] } else { &[0xff, 0xff] };
            let status = doors.call(access.path, &headers, message).await?;
            let refusal = Refusal::of(&status);
            let whose = listed && role == Role::Borrower && access.owner.is_some();
            assert_eq!(
                refusal.short() == denied(),
                !listed || whose,
                "{principal} {}: {status:?}",
                access.path
            );
            assert_ne!(status.code(), Code::Internal, "{principal} {}: {status:?}", access.path);
        }
        let nobody = doors.call(access.path, &[SHORT], &[]).await?;
        let refusal = Refusal::of(&nobody);
        assert_eq!(refusal.short(), (Code::Unauthenticated, "PRINCIPAL_MISSING"), "{}", access.path);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_borrowers_resource_looks_absent() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T10:00+08:00").await?;
    let doors = Doors::of(&stage).await?;
    let plan = stage.planned_at_once(&li()).await?;
    let message = stage.inbox("li").await?.remove(0);
    let known = |kind| match kind {
        OwnerKind::Borrower => "li".to_owned(),
        OwnerKind::Loan => "loan-li".to_owned(),
        OwnerKind::Application => plan.application_id.clone(),
        OwnerKind::Plan => plan.plan_id.clone(),
        OwnerKind::Notification => message.notification_id.clone(),
    };
    let mut owned = 0;
    for access in ACCESS_TABLE {
        let Some(owner) = access.owner else { continue };
        owned += 1;
        let strangers: [&[(&str, &str)]; 2] = [
            &[("x-leeway-principal", "borrower:mallory"), SHORT],
            &[("x-leeway-principal", "service:platform"), ("x-leeway-subject", "borrower:mallory"), SHORT],
        ];
        for headers in strangers {
            let theirs = string_field(owner.number, &known(owner.kind))?;
            let theirs = doors.call(access.path, headers, &theirs).await?;
            let absent = doors.call(access.path, headers, &string_field(owner.number, "absent-404")?).await?;
            assert_eq!(Refusal::of(&theirs).short(), denied(), "{}", access.path);
            let bytes = |status: &Status| {
                (
                    status.code(),
                    status.message().to_owned(),
                    status.details().to_vec(),
                    status.metadata().len(),
                )
            };
            assert_eq!(bytes(&theirs), bytes(&absent), "{}: theirs and absent look the same", access.path);
        }
        // The owner gets past the door: whatever is said then isn't about access.
        let own = [("x-leeway-principal", "borrower:li"), SHORT];
        let mine = doors.call(access.path, &own, &string_field(owner.number, &known(owner.kind))?).await?;
        assert_ne!(mine.code(), Code::PermissionDenied, "{}: {mine:?}", access.path);
    }
    assert!(owned >= 10, "{owned}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_acts_for_a_borrower_reaches_nobody_else() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T10:00+08:00").await?;
    let doors = Doors::of(&stage).await?;
    let headers = [("x-leeway-principal", "service:gateway"), ("x-leeway-subject", "borrower:li"), SHORT];
    let mut closed = 0;
    for access in ACCESS_TABLE.iter().filter(|access| access.owner.is_none()) {
        let open = access.subject_free && access.roles.contains(&Role::Service);
        let status = doors.call(access.path, &headers, &[]).await?;
        assert_eq!(Refusal::of(&status).short() == denied(), !open, "{}: {status:?}", access.path);
        closed += usize::from(!open && access.roles.contains(&Role::Service));
    }
    assert!(closed >= 5, "{closed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_sent_twice_does_not_smuggle_an_owner() -> anyhow::Result<()> {
    let stage = Stage::start("2026-07-20T10:00+08:00").await?;
    let doors = Doors::of(&stage).await?;
    stage.register(&li().loan).await?;
    stage.register(&li().of("mallory").loan).await?;
    // Protobuf takes the last of a repeated singular field; the door must read the same one as the handler.
    let path = "/leeway.application.v1.LoanService/GetLoan";
    let headers = [("x-leeway-principal", "borrower:mallory")];
    let (own, other) = (string_field(1, "loan-mallory")?, string_field(1, "loan-li")?);
    let last_is_theirs = doors.call(path, &headers, &[own.clone(), other.clone()].concat()).await?;
    assert_eq!(Refusal::of(&last_is_theirs).short(), denied());
    let last_is_own = doors.call(path, &headers, &[other, own].concat()).await?;
    assert_eq!(last_is_own.code(), Code::Ok);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_names_are_for_staff() -> anyhow::Result<()> {
    let stage = Stage::start("2026-06-20T10:00+08:00").await?;
    let (signed, _) = stage.wang_signed().await?;
    let id = &signed.application_id;
    let seen = stage.case_as("borrower:wang", id).await?;
    let shown = format!("{seen:?}");
    assert!(!shown.contains("chen"), "{shown}");
    // Neither does a service on the borrower's behalf see them, nor a stranger a message.
    let request = api::leeway::application::v1::GetApplicationRequest { application_id: id.clone() };
    let through = stage.cases_for("wang").get_application(request).await?.into_inner();
    assert!(!format!("{through:?}").contains("chen"));
    let inbox =
        mail::ListInboxRequest { borrower_id: "wang".to_owned(), ..mail::ListInboxRequest::default() };
    let answer = stage.mail("borrower:mallory")?.list_inbox(inbox).await;
    assert_eq!(Refusal::expected(answer)?.short(), denied());
    Ok(())
}
