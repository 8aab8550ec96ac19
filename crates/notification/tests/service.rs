//! The service as its callers see it.

#[cfg(test)]
mod world;

use api::access::Role;
use api::leeway::notification::v1 as pb;
use tonic::{Code, Status};
use world::{World, map, reason, shown, violations};

const NOON: &str = "2026-07-20T12:00:00+08:00";

#[tokio::test]
async fn an_answer_is_delivered_at_once_and_once() {
    let world = World::at("2026-07-20T23:30:00+08:00").await;
    let accepted = world.enqueue(&world.answer("app-1/withdrawn", "li")).await.unwrap();
    assert_eq!(accepted.state(), pb::NotificationState::Scheduled);
    assert_eq!(shown(accepted.not_before_time), "2026-07-20T23:30:00");
    assert!(world.inbox("li").await.is_empty());

    assert_eq!(world.worker.run_until_idle().await.unwrap(), 1);
    assert_eq!(world.worker.run_until_idle().await.unwrap(), 0);

    let delivered = world.notification(&accepted.notification_id).await;
    assert_eq!(delivered.state(), pb::NotificationState::Delivered);
    assert_eq!((delivered.not_before_time, delivered.attempts.len()), (None, 1));
    let attempt = &delivered.attempts[0];
    assert_eq!(
        (attempt.channel(), attempt.delivered, attempt.error.as_str()),
        (pb::Channel::InApp, true, "")
    );

    let inbox = world.inbox("li").await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(inbox[0].notification_id, accepted.notification_id);
    assert_eq!((inbox[0].title.as_str(), inbox[0].application_id.as_str()), ("您的申请已撤回", "app-1"));
    assert!(inbox[0].body.contains("loan-1"));
    assert_eq!(shown(inbox[0].deliver_time), "2026-07-20T23:30:00");

    let journal =
        world.store.read_stream(&format!("notification/{}", accepted.notification_id), 0, 10).await.unwrap();
    let lines: Vec<(&str, &str)> = journal.iter().map(|e| (e.kind.as_str(), e.actor.as_str())).collect();
    assert_eq!(lines, [("notification.accepted", "service:application"), ("notification.delivered", "")]);
    assert!(journal.iter().all(|entry| !entry.body.contains("loan-1")));
    world.end().await;
}

#[tokio::test]
async fn a_reminder_at_night_waits_for_the_morning() {
    // rules, zone, enqueued, first allowed minute, all shown in Shanghai
    let rows = [
        ("cn-instalment", "Asia/Shanghai", "2026-07-20T23:30:00+08:00", "2026-07-21T08:00:00"),
        ("", "Asia/Shanghai", "2026-07-20T07:59:59+08:00", "2026-07-20T08:00:00"),
        ("us-consumer", "America/New_York", "2026-07-20T12:00:00+08:00", "2026-07-20T20:00:00"),
        ("us-consumer", "Asia/Shanghai", "2026-07-20T21:30:00+08:00", "2026-07-21T08:00:00"),
    ];
    for (pack, zone, start, opens) in rows {
        let world = World::at(start).await;
        put_profile(&world, "li", zone, pb::Language::En, 1).await.unwrap();
        let request =
            pb::EnqueueRequest { pack_name: pack.to_owned(), ..world.reminder("loan-1/r/-7", "li") };
        let accepted = world.enqueue(&request).await.unwrap();
        assert_eq!(shown(accepted.not_before_time), opens, "{pack} {zone}");
        assert_eq!(world.worker.run_until_idle().await.unwrap(), 0, "{pack} {zone}");
        assert!(world.inbox("li").await.is_empty());

        assert_eq!(world.pass(&format!("{opens}+08:00")).await, 1, "{pack} {zone}");
        let inbox = world.inbox("li").await;
        assert_eq!(shown(inbox[0].deliver_time), opens, "{pack} {zone}");
        assert!(inbox[0].body.contains("CNY 1,079.70 on loan loan-1 has the due date 15 August 2026"));
        world.end().await;
    }
}

/// The rules are asked again at the moment of delivery: here the borrower moved in between.
#[tokio::test]
async fn a_reminder_that_comes_late_is_put_off_again() {
    let world = World::at(NOON).await;
    let request = pb::EnqueueRequest {
        not_before_time: Some("2026-07-20T21:59:00+08:00".parse().unwrap()),
        ..world.reminder("loan-1/r/-3", "li")
    };
    let accepted = world.enqueue(&request).await.unwrap();
    assert_eq!(shown(accepted.not_before_time), "2026-07-20T21:59:00");
    // The worker comes only after the window shut.
    assert_eq!(world.pass("2026-07-20T22:00:00+08:00").await, 1);
    let waiting = world.notification(&accepted.notification_id).await;
    assert_eq!(waiting.state(), pb::NotificationState::Scheduled);
    assert_eq!(shown(waiting.not_before_time), "2026-07-21T08:00:00");
    assert!(waiting.attempts.is_empty());

    put_profile(&world, "li", "Europe/London", pb::Language::ZhCn, 1).await.unwrap();
    assert_eq!(world.pass("2026-07-21T08:00:00+08:00").await, 1);
    let waiting = world.notification(&accepted.notification_id).await;
    assert_eq!(shown(waiting.not_before_time), "2026-07-21T15:00:00");
    assert_eq!(world.pass("2026-07-21T15:00:00+08:00").await, 1);
    assert_eq!(world.inbox("li").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_cap_puts_off_what_is_too_much_for_one_day() {
    let world = World::at(NOON).await;
    for nr in 0..9 {
        world.enqueue(&world.reminder(&format!("loan-1/r/{nr}"), "li")).await.unwrap();
    }
    world.enqueue(&world.answer("app-1/withdrawn", "li")).await.unwrap();
    world.enqueue(&world.reminder("loan-2/r/0", "zhang")).await.unwrap();
    // All want the same place in the log; who loses five times in a row comes again a little later.
    for minute in 0..10 {
        world.pass(&format!("2026-07-20T12:0{minute}:00+08:00")).await;
    }
    // Six reminders, and the answer, which no cap holds; the other borrower's day is their own.
    assert_eq!(world.inbox("li").await.len(), 7);
    assert_eq!(world.inbox("zhang").await.len(), 1);
    assert_eq!(world.pass("2026-07-21T07:59:00+08:00").await, 0);
    world.pass("2026-07-21T08:00:00+08:00").await;
    assert_eq!(world.inbox("li").await.len(), 10);
    world.end().await;
}

#[tokio::test]
async fn a_repeated_request_answers_the_same() {
    let world = World::at(NOON).await;
    let request = world.answer("app-1/withdrawn", "li");
    let first = world.enqueue(&request).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.enqueue(&request).await.unwrap(), first);
    }
    // The same message under another request id, after it arrived: still the one notification.
    world.worker.run_until_idle().await.unwrap();
    let again = pb::EnqueueRequest { request_id: world.request_id(), ..request.clone() };
    for _ in 0..3 {
        let known = world.enqueue(&again).await.unwrap();
        assert_eq!(known.notification_id, first.notification_id);
        assert_eq!(known.state(), pb::NotificationState::Delivered);
    }
    assert_eq!(world.worker.run_until_idle().await.unwrap(), 0);
    assert_eq!(world.inbox("li").await.len(), 1);

    let conflicts = [
        ("another body", pb::EnqueueRequest { key: "app-1/other".to_owned(), ..request.clone() }),
        (
            "another request of another kind",
            pb::EnqueueRequest { borrower_id: "wang".to_owned(), ..again.clone() },
        ),
        (
            "another message under the key",
            pb::EnqueueRequest { borrower_id: "wang".to_owned(), ..world.answer("app-1/withdrawn", "li") },
        ),
        (
            "another parameter under the key",
            pb::EnqueueRequest {
                parameters: map(&[("loan_id", "loan-2")]),
                ..world.answer("app-1/withdrawn", "li")
            },
        ),
    ];
    for (what, request) in conflicts {
        let status = world.enqueue(&request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, "ERROR_REASON_REQUEST_ID_REUSED"),
            "{what}"
        );
    }
    let crossed = pb::CancelRequest { request_id: request.request_id, key: "app-1/withdrawn".to_owned() };
    let status = world.sender().cancel(crossed).await.unwrap_err();
    assert_eq!(reason(&status), "ERROR_REASON_REQUEST_ID_REUSED");
    world.end().await;
}

#[tokio::test]
async fn many_senders_of_one_key_make_one_message() {
    let world = World::at(NOON).await;
    let calls = (0..16).map(|_| {
        let (mut sender, request) = (world.sender(), world.answer("app-1/withdrawn", "li"));
        tokio::spawn(async move { sender.enqueue(request).await.map(tonic::Response::into_inner) })
    });
    let calls: Vec<_> = calls.collect();
    let mut ids = Vec::new();
    for call in calls {
        ids.push(call.await.unwrap().unwrap().notification.unwrap().notification_id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.worker.run_until_idle().await.unwrap(), 1);
    assert_eq!(world.inbox("li").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn every_fault_of_a_message_is_told_at_once() {
    let world = World::at(NOON).await;
    let request = pb::EnqueueRequest {
        request_id: "1".to_owned(),
        key: "two words".to_owned(),
        borrower_id: String::new(),
        application_id: "x".repeat(200),
        message_class: 0,
        template: "payment-reminder".to_owned(),
        parameters: map(&[("loan_id", ""), ("amount", "a lot"), ("diagnosis", "none of ours")]),
        not_before_time: Some(prost_types::Timestamp { seconds: 253_000_000_000, nanos: 0 }),
        pack_name: "nowhere".to_owned(),
    };
    let status = world.enqueue(&request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::InvalidArgument, "ERROR_REASON_VALIDATION_FAILED")
    );
    let expected = [
        ("request_id", "UUID_REQUIRED"),
        ("key", "KEY_REQUIRED"),
        ("borrower_id", "ID_REQUIRED"),
        ("application_id", "ID_REQUIRED"),
        ("message_class", "REQUIRED"),
        ("parameters.amount", "UNREADABLE"),
        ("parameters.due_date", "REQUIRED"),
        ("parameters.loan_id", "REQUIRED"),
        ("parameters.diagnosis", "PARAMETER_UNKNOWN"),
        ("pack_name", "PACK_UNKNOWN"),
        ("not_before_time", "OUT_OF_RANGE"),
    ];
    assert_eq!(violations(&status), expected.map(|(f, r)| (f.to_owned(), r.to_owned())));

    let unknown = pb::EnqueueRequest { template: "hello".to_owned(), ..world.answer("k", "li") };
    let status = world.enqueue(&unknown).await.unwrap_err();
    assert_eq!(violations(&status), [("template".to_owned(), "TEMPLATE_UNKNOWN".to_owned())]);
    let loud =
        pb::EnqueueRequest { message_class: pb::MessageClass::Service.into(), ..world.reminder("k", "li") };
    let status = world.enqueue(&loud).await.unwrap_err();
    assert_eq!(violations(&status), [("message_class".to_owned(), "CLASS_NOT_ALLOWED".to_owned())]);
    world.end().await;
}

#[tokio::test]
async fn faults_of_the_other_requests() {
    let world = World::at(NOON).await;
    let mut sender = world.sender();
    let cancel = pb::CancelRequest { request_id: String::new(), key: "x".repeat(201) };
    let status = sender.cancel(cancel).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "key"]);

    let profile = pb::PutContactProfileRequest {
        request_id: "no".to_owned(),
        borrower_id: "l i".to_owned(),
        time_zone: "Mars/Olympus".to_owned(),
        language: 9,
        revision: 0,
    };
    let status = sender.put_contact_profile(profile).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "borrower_id", "time_zone", "language", "revision"]);

    let page =
        pb::ListInboxRequest { borrower_id: String::new(), page_size: 101, page_token: "zz".to_owned() };
    let status = sender.list_inbox(page).await.unwrap_err();
    assert_eq!(fields(&status), ["borrower_id", "page_size", "page_token"]);
    let page = pb::ListInboxRequest { borrower_id: "li".to_owned(), page_size: -1, ..Default::default() };
    assert_eq!(fields(&sender.list_inbox(page).await.unwrap_err()), ["page_size"]);

    let get = pb::GetNotificationRequest { notification_id: String::new() };
    assert_eq!(fields(&sender.get_notification(get).await.unwrap_err()), ["notification_id"]);
    let get = pb::GetNotificationRequest { notification_id: "ntf-404".to_owned() };
    let status = sender.get_notification(get).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "ERROR_REASON_NOT_FOUND"));
    world.end().await;
}

#[tokio::test]
async fn cancelling_works_until_delivery() {
    let world = World::at("2026-07-20T23:00:00+08:00").await;
    let held = world.enqueue(&world.reminder("loan-1/r/0", "li")).await.unwrap();
    let request = pb::CancelRequest { request_id: world.request_id(), key: "loan-1/r/0".to_owned() };
    for _ in 0..3 {
        assert!(world.sender().cancel(request.clone()).await.unwrap().into_inner().cancelled);
    }
    assert!(world.cancel("loan-1/r/0").await, "cancelled by an earlier call");
    assert_eq!(world.pass("2026-07-21T09:00:00+08:00").await, 0);
    assert!(world.inbox("li").await.is_empty());
    assert_eq!(world.notification(&held.notification_id).await.state(), pb::NotificationState::Cancelled);
    // The key stays taken: nothing brings a cancelled message back.
    let again = world.enqueue(&world.reminder("loan-1/r/0", "li")).await.unwrap();
    assert_eq!(again.state(), pb::NotificationState::Cancelled);
    assert_eq!(world.worker.run_until_idle().await.unwrap(), 0);

    let delivered = world.enqueue(&world.reminder("loan-1/r/1", "li")).await.unwrap();
    world.worker.run_until_idle().await.unwrap();
    assert!(!world.cancel("loan-1/r/1").await);
    assert_eq!(
        world.notification(&delivered.notification_id).await.state(),
        pb::NotificationState::Delivered
    );
    assert_eq!(world.inbox("li").await.len(), 1);

    // An unknown key cancels nothing, and doesn't stand in the way of a later message.
    let early = pb::CancelRequest { request_id: world.request_id(), key: "loan-1/r/2".to_owned() };
    assert!(!world.sender().cancel(early.clone()).await.unwrap().into_inner().cancelled);
    world.enqueue(&world.reminder("loan-1/r/2", "li")).await.unwrap();
    assert!(world.cancel("loan-1/r/2").await);
    assert!(
        !world.sender().cancel(early).await.unwrap().into_inner().cancelled,
        "a replay answers as it did"
    );
    world.end().await;
}

#[tokio::test]
async fn the_highest_revision_of_a_profile_wins() {
    let world = World::at(NOON).await;
    // revision, language, revision in force, title after it
    let rows = [
        (2, pb::Language::En, 2, "Your application is withdrawn"),
        (1, pb::Language::ZhCn, 2, "Your application is withdrawn"),
        (2, pb::Language::ZhCn, 2, "Your application is withdrawn"),
        (7, pb::Language::Unspecified, 7, "您的申请已撤回"),
    ];
    for (nr, (revision, language, in_force, title)) in rows.into_iter().enumerate() {
        let found = put_profile(&world, "li", "Asia/Shanghai", language, revision).await.unwrap();
        assert_eq!(found, in_force);
        world.enqueue(&world.answer(&format!("app-{nr}"), "li")).await.unwrap();
        world.worker.run_until_idle().await.unwrap();
        world.clock.advance(jiff::SignedDuration::from_secs(1)).unwrap();
        assert_eq!(world.inbox("li").await[0].title, title, "{revision} {language:?}");
    }
    let request = profile(&world, "zhang", "UTC", pb::Language::En, 1);
    for _ in 0..3 {
        let response = world.sender().put_contact_profile(request.clone()).await.unwrap();
        assert_eq!(response.into_inner().revision, 1);
    }
    world.end().await;
}

#[tokio::test]
async fn an_inbox_is_read_page_by_page_newest_first() {
    let world = World::at(NOON).await;
    for nr in 0..7 {
        // Two arrive in the same microsecond each time: the id then orders them.
        world.enqueue(&world.answer(&format!("app-{nr}/a"), "li")).await.unwrap();
        world.enqueue(&world.answer(&format!("app-{nr}/b"), "li")).await.unwrap();
        world.enqueue(&world.answer(&format!("app-{nr}/c"), "wang")).await.unwrap();
        world.worker.run_until_idle().await.unwrap();
        world.clock.advance(jiff::SignedDuration::from_mins(1)).unwrap();
    }
    let mut reader = world.caller(Role::Borrower, "li");
    let mut token = String::new();
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let request =
            pb::ListInboxRequest { borrower_id: "li".to_owned(), page_size: 5, page_token: token.clone() };
        let page = reader.list_inbox(request).await.unwrap().into_inner();
        sizes.push(page.messages.len());
        seen.extend(page.messages);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [5, 5, 4]);
    let order: Vec<(String, String)> =
        seen.iter().map(|m| (shown(m.deliver_time), m.notification_id.clone())).collect();
    assert!(order.windows(2).all(|pair| pair[0] > pair[1]), "{order:?}");
    assert_eq!(world.inbox("li").await.len(), 14, "without a size a page holds 20");
    world.end().await;
}

#[tokio::test]
async fn everybody_sees_only_what_is_theirs() {
    let world = World::at(NOON).await;
    let of_li = world.enqueue(&world.answer("app-1/withdrawn", "li")).await.unwrap();
    world.worker.run_until_idle().await.unwrap();
    let inbox =
        |borrower: &str| pb::ListInboxRequest { borrower_id: borrower.to_owned(), ..Default::default() };
    let get = |id: &str| pb::GetNotificationRequest { notification_id: id.to_owned() };
    let denied = |status: Status| (status.code(), reason(&status), status.message().to_owned());

    let mut li = world.caller(Role::Borrower, "li");
    assert_eq!(li.list_inbox(inbox("li")).await.unwrap().into_inner().messages.len(), 1);
    assert!(li.get_notification(get(&of_li.notification_id)).await.is_ok());
    let mut for_li = world.on_behalf_of("li");
    assert!(for_li.get_notification(get(&of_li.notification_id)).await.is_ok());

    for mut stranger in [world.caller(Role::Borrower, "wang"), world.on_behalf_of("wang")] {
        let foreign = denied(stranger.list_inbox(inbox("li")).await.unwrap_err());
        assert_eq!((foreign.0, foreign.1.as_str()), (Code::PermissionDenied, "ERROR_REASON_ACCESS_DENIED"));
        assert_eq!(denied(stranger.list_inbox(inbox("")).await.unwrap_err()), foreign);
        assert_eq!(
            denied(stranger.get_notification(get(&of_li.notification_id)).await.unwrap_err()),
            foreign
        );
        assert_eq!(denied(stranger.get_notification(get("ntf-404")).await.unwrap_err()), foreign);
    }
    for role in [Role::Officer, Role::Supervisor, Role::Operator, Role::Service] {
        assert_eq!(
            world.caller(role, "x").list_inbox(inbox("li")).await.unwrap().into_inner().messages.len(),
            1,
            "{role:?}"
        );
    }
    assert!(world.caller(Role::Auditor, "x").get_notification(get(&of_li.notification_id)).await.is_ok());
    for role in [Role::Borrower, Role::Officer, Role::Supervisor, Role::PolicyAdmin, Role::Auditor] {
        let mut caller = world.caller(role, "li");
        let cancel = pb::CancelRequest { request_id: world.request_id(), key: "app-1/withdrawn".to_owned() };
        let statuses = [
            caller.enqueue(world.answer("app-9", "li")).await.unwrap_err(),
            caller.cancel(cancel).await.unwrap_err(),
            caller.put_contact_profile(profile(&world, "li", "UTC", pb::Language::En, 9)).await.unwrap_err(),
        ];
        for status in statuses {
            assert_eq!(status.code(), Code::PermissionDenied, "{role:?}");
        }
    }
    world.end().await;
}

/// Two workers and a crash between claim and commit: the second run of a lease that ended finds its work done.
#[tokio::test]
async fn nothing_is_delivered_twice() {
    let world = World::at(NOON).await;
    let accepted = world.enqueue(&world.reminder("loan-1/r/0", "li")).await.unwrap();
    let claim = store::Claim {
        topics: vec![(notification::DELIVER_TOPIC, notification::DELIVER_VERSION)],
        now: world.clock.now_micros(),
        lease_until: world.clock.now_micros() + 60_000_000,
        worker: "crashed".to_owned(),
        token_seed: "seed".to_owned(),
        limit: 1,
    };
    let claimed = world.store.claim(claim).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(world.worker.run_until_idle().await.unwrap(), 0, "the lease holds");
    assert_eq!(world.pass("2026-07-20T12:01:01+08:00").await, 1);
    // The first one wakes up and wants to commit as well.
    let ended = world.worker.run_effect_now(claimed[0].clone()).await.unwrap();
    assert_eq!(ended, chassis::Ended::Fenced);
    assert_eq!(world.inbox("li").await.len(), 1);
    assert_eq!(world.notification(&accepted.notification_id).await.attempts.len(), 1);
    world.end().await;
}

/// A fault of ours waits for an operator and holds up nobody else.
#[tokio::test]
async fn an_order_that_can_not_be_carried_out_is_parked() {
    let world = World::at(NOON).await;
    let order = |key: &str, body: &str| store::EffectChange::Put {
        topic: notification::DELIVER_TOPIC,
        key: key.to_owned(),
        version: notification::DELIVER_VERSION,
        not_before: 0,
        body: body.to_owned(),
        trace: None,
        lease: None,
    };
    let effects = vec![order("a", r#"{"notification_id":"ntf-404"}"#), order("b", "{}")];
    world.store.commit(store::Commit { effects, ..Default::default() }).await.unwrap();
    world.enqueue(&world.answer("app-1/withdrawn", "li")).await.unwrap();
    world.worker.run_until_idle().await.unwrap();
    let parked = world.store.list_parked(0, 10).await.unwrap();
    assert_eq!(parked.iter().map(|effect| effect.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(parked[0].error.contains("ntf-404"), "{}", parked[0].error);
    assert_eq!(world.inbox("li").await.len(), 1);
    world.end().await;
}

fn profile(
    world: &World,
    borrower: &str,
    zone: &str,
    language: pb::Language,
    revision: i64,
) -> pb::PutContactProfileRequest {
    pb::PutContactProfileRequest {
        request_id: world.request_id(),
        borrower_id: borrower.to_owned(),
        time_zone: zone.to_owned(),
        language: language.into(),
        revision,
    }
}

async fn put_profile(
    world: &World,
    borrower: &str,
    zone: &str,
    language: pb::Language,
    revision: i64,
) -> Result<i64, Status> {
    let request = profile(world, borrower, zone, language, revision);
    Ok(world.sender().put_contact_profile(request).await?.into_inner().revision)
}

fn fields(status: &Status) -> Vec<String> {
    violations(status).into_iter().map(|(field, _)| field).collect()
}
