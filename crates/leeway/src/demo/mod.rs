//! The stories: three borrowers negotiate over the real API on a pinned clock, a fourth can afford what he owes, and a
//! readable account of each.

mod account;
mod actors;
mod li;
mod loans;
mod sun;
mod wang;
mod zhang;

use chassis::Clock;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::stack::{Stack, endpoint};

pub use actors::Actors;

/// Plays the stories; the clock is moved along.
pub async fn play(stack: &Stack, clock: &Clock) -> anyhow::Result<()> {
    let actors = Actors::connect(stack, clock.clone())?;
    println!("{}", account::INTRODUCTION);
    wang::play(&actors).await?;
    li::play(&actors).await?;
    zhang::play(&actors).await?;
    sun::play(&actors).await?;
    Ok(())
}

/// Where everything listens and what to type next.
pub fn print_where(stack: &Stack, config: &Config, clock: &Clock) {
    let application = stack.application.handle.grpc;
    let policy = stack.policy.handle.grpc;
    let notification = stack.notification.handle.grpc;
    let now = clock.now().to_zoned_datetime(TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC));
    println!(
        "\n━━ Serving ━━ data in {} ━━ platform time {} ━━\n",
        config.data_dir.display(),
        now.strftime("%Y-%m-%d %H:%M %:z")
    );
    for (name, running) in [
        ("application", &stack.application),
        ("policy", &stack.policy),
        ("notification", &stack.notification),
    ] {
        let (grpc, probe) = (running.handle.grpc, running.handle.probe);
        println!("  {name:<13} gRPC {grpc:<16}  probes {}/readyz /metrics", endpoint(probe));
    }
    println!("\nTry with grpcurl:\n");
    let call = |who: &str, body: &str, address: &dyn std::fmt::Display, method: &str| {
        let body = if body.is_empty() { String::new() } else { format!(" -d '{body}'") };
        println!("  grpcurl -plaintext -H 'x-leeway-principal: {who}'{body} {address} {method}");
    };
    println!("  grpcurl -plaintext {application} list");
    call("officer:chen", "", &application, "leeway.application.v1.DeskService/ListQueue");
    call(
        "borrower:li",
        "{\"borrower_id\":\"li\"}",
        &application,
        "leeway.application.v1.LoanService/ListLoans",
    );
    call(
        "borrower:zhang",
        "{\"borrower_id\":\"zhang\"}",
        &application,
        "leeway.application.v1.ApplicationService/ListApplications",
    );
    call(
        "borrower:li",
        "{\"borrower_id\":\"li\"}",
        &notification,
        "leeway.notification.v1.NotificationService/ListInbox",
    );
    call(
        "officer:chen",
        "{\"pack_name\":\"cn-instalment\"}",
        &policy,
        "leeway.policy.v1.PolicyService/GetPack",
    );
    call("auditor:wu", "{}", &application, "leeway.application.v1.FeedService/Subscribe");
    println!(
        "\nStop with Ctrl-C; start again on the same data directory and everything goes on where it was."
    );
}
