//! The workspace's own tasks: `cargo xtask test`, `lint`, `tidy`, `image` and `long`.
//!
//! What a task needs beyond the Rust toolchain is put into `.xtask/` of the workspace, which git ignores.

mod image;
mod lint;
mod long;
mod manifests;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::tools::Workspace;

/// The tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
#[command(after_help = "Example:\n  cargo xtask test")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the tests need, builds the workspace and runs every test.
    ///
    /// Tests find their tools in XTASK_PYTHON, XTASK_GRPCURL, XTASK_ROTEL and
    /// XTASK_BINARY. The exit code is the test runner's.
    #[command(after_help = "Example:\n  cargo xtask test -- -E 'package(loan)'")]
    Test(test::Options),
    /// Runs rustfmt, clippy, tidy, buf, cargo-deny, hadolint and the rules of the manifests, each timed.
    ///
    /// Manifests are rendered by kustomize, held against the schemas of Kubernetes and against rules of our own.
    #[command(after_help = "Example:\n  cargo xtask lint")]
    Lint,
    /// Checks the rules of this workspace that no other tool knows.
    ///
    /// Crate dependencies, length of functions and files, an access rule on every RPC, append-only migrations,
    /// forbidden words. Exceptions stand in crates/xtask/tidy-exceptions.toml.
    #[command(after_help = "Example:\n  cargo xtask tidy")]
    Tidy,
    /// Builds the container image and runs it locked down.
    ///
    /// A static release binary, an image around nothing else, three read-only containers without privileges, a call
    /// through all of them, and SIGTERM. Needs Linux and root, or apt and buildah, podman and runc already there.
    #[command(after_help = "Example:\n  cargo xtask image --archive /tmp/leeway.tar")]
    Image(image::Options),
    /// Fuzzing and mutation testing of loan arithmetic: minutes, not seconds.
    #[command(subcommand)]
    Long(long::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::load().and_then(|workspace| match &arguments.task {
        Task::Test(options) => test::run(&workspace, options),
        Task::Lint => lint::run(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Image(options) => image::run(&workspace, options),
        Task::Long(options) => long::run(&workspace, options),
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
