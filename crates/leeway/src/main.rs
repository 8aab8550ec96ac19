//! `leeway`: everything in one binary.

use std::process::ExitCode;

use clap::Parser as _;
use leeway::cli::{Cli, Command};
use leeway::config::NotASetting;
use leeway::schedule::UnusableInput;
use leeway::{audit, backup, bench, calibrate, import, migrate, pack, schedule, serve, up};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leeway: the runtime can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            None => up::run(up::Args::default()).await,
            Some(Command::Up(args)) => up::run(args).await,
            Some(Command::Serve(args)) => serve::run(args).await,
            Some(Command::Migrate(args)) => migrate::run(args).await,
            Some(Command::Audit(args)) => audit::run(&args).await,
            Some(Command::Backup(args)) => backup::run(&args),
            Some(Command::Calibrate(args)) => calibrate::run(&args),
            Some(Command::Import(args)) => import::run(args).await,
            Some(Command::Schedule(args)) => schedule::run(&args),
            Some(Command::Bench(args)) => bench::run(&args).await,
            Some(Command::Pack(args)) => pack::run(&args),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("leeway: {error:#}");
            exit_code(&error)
        }
    }
}

/// 64 for a configuration that can't be used, as `sysexits` has it; 2 for files, folders and packs that can't be used; 3
/// for journals with a fault; 1 for everything else.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| cause.is::<UnusableInput>() || cause.is::<pack::UnusableInput>()) {
        return ExitCode::from(schedule::EXIT_UNUSABLE);
    }
    if error.chain().any(|cause| cause.is::<audit::NothingThere>() || cause.is::<backup::Unusable>()) {
        return ExitCode::from(schedule::EXIT_UNUSABLE);
    }
    if error.chain().any(|cause| cause.is::<audit::Faulty>()) {
        return ExitCode::from(audit::EXIT_FAULT);
    }
    if error.chain().any(|cause| cause.is::<calibrate::Unusable>()) {
        return ExitCode::from(calibrate::EXIT_UNUSABLE);
    }
    let config =
        error.chain().any(|cause| cause.is::<chassis::config::ConfigError>() || cause.is::<NotASetting>());
    if config {
        u8::try_from(chassis::config::EXIT_CONFIG).map_or(ExitCode::FAILURE, ExitCode::from)
    } else {
        ExitCode::FAILURE
    }
}
