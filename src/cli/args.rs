//! What can be typed. The arguments are values here; what they mean is the business of the commands.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{LedgerStore, LintRule};
use crate::plan::shards::Shard;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

/// Which services of a Go monorepo does a change make stale, and why?
#[derive(Debug, Parser)]
#[command(name = "buildplan", version, styles = STYLES, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Example:\n  buildplan plan --base origin/main\n  buildplan why auth")]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: GlobalArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what would be built, and why
    #[command(after_help = "Examples:\n  buildplan plan\n  buildplan plan --base v1.4.0 --head HEAD -o json\n  \
                            buildplan plan auth cart --exit-code")]
    Plan(PlanArguments),
    /// Show every reason and import chain for a service, or why it is skipped
    #[command(after_help = "Example:\n  buildplan why auth --base origin/main")]
    Why(WhyArguments),
    /// Show everything that the fingerprint of a service covers
    #[command(after_help = "Examples:\n  buildplan inputs auth\n  buildplan inputs auth --diff --base HEAD~3")]
    Inputs(InputsArguments),
    /// List the Go packages that a change affects
    #[command(after_help = "Example:\n  buildplan packages --tests --base origin/main | xargs -r go test")]
    Packages(PackagesArguments),
    /// Print the plan as the jobs of a CI system
    #[command(after_help = "Examples:\n  buildplan matrix --push --github-output\n  \
                            buildplan plan --push -o json --write plan.json && buildplan matrix --plan plan.json -o gitlab\n  \
                            buildplan matrix -o bake --write bake.json && docker buildx bake -f bake.json")]
    Matrix(MatrixArguments),
    /// Build, and push with --push, what the plan says
    #[command(after_help = "Examples:\n  buildplan run\n  buildplan run --push --report report.json\n  \
                            buildplan run auth cart --dry-run\n  buildplan run --plan plan.json --push auth")]
    Run(RunArguments),
    /// Show what the ledger knows: what was built and pushed, and when
    #[command(after_help = "Examples:\n  buildplan status\n  buildplan status auth -o json")]
    Status(StatusArguments),
    /// Show what makes the images big, slow to build or unsafe, and what to write instead
    #[command(
        after_help = "Examples:\n  buildplan lint\n  buildplan lint auth cart --deny root-user --deny no-trimpath\n  \
                            buildplan lint -o github --deny all"
    )]
    Lint(LintArguments),
    /// Write build-plan.lock: what external modules import, for plans that are exact without Go
    #[command(after_help = "Examples:\n  buildplan lock\n  buildplan lock --download\n  buildplan lock --check")]
    Lock(LockArguments),
    /// Print the JSON Schema of a format
    #[command(after_help = "Example:\n  buildplan schema config > build-plan.schema.json")]
    Schema(SchemaArguments),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  buildplan completions bash > /etc/bash_completion.d/buildplan")]
    Completions(CompletionsArguments),
}

/// On every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct GlobalArguments {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(super) directory: Option<PathBuf>,
    /// Use FILE for base and head instead of the build-plan.toml in each
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Write to FILE instead of standard output: all of it or nothing
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) write: Option<PathBuf>,
    /// Print only the names of the services to build
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Print all services, all reasons and all notes
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// When to use colours
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(super) color: ColorChoice,
    /// Use nothing from earlier runs; the output is the same
    #[arg(long, global = true)]
    pub(super) no_cache: bool,
}

impl GlobalArguments {
    /// A file that the user named, from the folder that the program is to run in.
    pub(super) fn place(&self, file: &Path) -> PathBuf {
        self.directory.as_deref().unwrap_or(Path::new("")).join(file)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// What is compared with what.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Comparison")]
pub(super) struct ComparisonArguments {
    /// Compare with REV, or its merge base with head
    #[arg(long, value_name = "REV", visible_alias = "since", conflicts_with = "all")]
    pub(super) base: Option<String>,
    /// Plan the commit REV instead of the working copy
    #[arg(long, value_name = "REV")]
    pub(super) head: Option<String>,
    /// Compare with REV itself
    #[arg(long)]
    pub(super) no_merge_base: bool,
    /// If the base cannot be had: stop, or build all
    #[arg(long, value_name = "WHAT", default_value = "error")]
    pub(super) on_missing_base: OnMissingBase,
    /// Fetch what a shallow or partial clone lacks of the base: commits and folders, no files
    #[arg(long)]
    pub(super) deepen: bool,
    /// Build all: plan as if there were no base
    #[arg(long)]
    pub(super) all: bool,
    /// Which records say what is built already [default: as configured]
    #[arg(long, value_name = "STORE")]
    pub(super) ledger: Option<LedgerChoice>,
}

impl ComparisonArguments {
    /// What is checked out, compared with nothing.
    pub(super) fn without_base() -> Self {
        Self {
            base: None,
            head: None,
            no_merge_base: false,
            on_missing_base: OnMissingBase::Error,
            all: true,
            deepen: false,
            ledger: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LedgerChoice {
    Local,
    Registry,
    None,
}

impl LedgerChoice {
    pub(super) fn store(self) -> LedgerStore {
        match self {
            Self::Local => LedgerStore::Local,
            Self::Registry => LedgerStore::Registry,
            Self::None => LedgerStore::None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnMissingBase {
    // No help of their own: with it `--help` would give every option three lines.
    Error,
    All,
}

/// Which services are meant.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionArguments {
    /// Only services whose name or folder matches
    #[arg(short = 'F', long, value_name = "GLOB")]
    pub(super) filter: Vec<String>,
    /// No services whose name or folder matches
    #[arg(long, value_name = "GLOB")]
    pub(super) exclude: Vec<String>,
    /// Build the selected services whatever base and ledger say
    #[arg(long)]
    pub(super) force: bool,
    /// Plan pushes too
    #[arg(long)]
    pub(super) push: bool,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: PlanFormat,
    /// Exit with 1 if there is something to build
    #[arg(long)]
    pub(super) exit_code: bool,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    Text,
    Json,
    Markdown,
}

#[derive(Debug, Args)]
pub(super) struct WhyArguments {
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(super) service: String,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
}

#[derive(Debug, Args)]
pub(super) struct InputsArguments {
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(super) service: String,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: InputsFormat,
    /// Show only what moved between base and head
    #[arg(long)]
    pub(super) diff: bool,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InputsFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct PackagesArguments {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: PackagesFormat,
    /// List the packages whose tests should run
    #[arg(long)]
    pub(super) tests: bool,
    /// Exit with 1 if there are any
    #[arg(long)]
    pub(super) exit_code: bool,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PackagesFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct MatrixArguments {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "github")]
    pub(super) output: MatrixFormat,
    /// The template of the format `template`: it sees `matrix` and `plan`
    #[arg(long, value_name = "FILE", required_if_eq("output", "template"))]
    pub(super) template: Option<PathBuf>,
    /// What each job runs, for formats that say it (buildkite, circleci)
    #[arg(long, value_name = "COMMAND")]
    pub(super) command: Option<String>,
    /// Print the jobs of a plan that `plan -o json` printed
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "base", "head", "no_merge_base", "on_missing_base", "all", "force", "filter", "exclude", "push", "ledger"
        ]
    )]
    pub(super) plan: Option<PathBuf>,
    /// Pack the services into N jobs with about as much to do each; auto: only as far as the format needs it
    #[arg(long, value_name = "N|auto", default_value = "auto")]
    pub(super) shards: Shards,
    /// Print only the services of the part I of N
    #[arg(long, value_name = "I/N", conflicts_with = "shards")]
    pub(super) shard: Option<Shard>,
    /// Append matrix, has-work, count and shards to `$GITHUB_OUTPUT`, and a table to `$GITHUB_STEP_SUMMARY`
    #[arg(long)]
    pub(super) github_output: bool,
    /// Exit with 1 if there is something to build
    #[arg(long)]
    pub(super) exit_code: bool,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum MatrixFormat {
    Github,
    Gitlab,
    Buildkite,
    Circleci,
    Azure,
    Jenkins,
    Bake,
    Dotenv,
    Json,
    Template,
}

/// How many shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shards {
    /// As few as the format needs.
    Auto,
    Count(NonZeroUsize),
}

impl FromStr for Shards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Count).map_err(|_| "it must be a number from 1, or auto".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: RunFormat,
    /// Run a plan that `plan -o json` printed, if what it plans is still what is here
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["base", "head", "no_merge_base", "on_missing_base", "all", "force", "filter", "exclude"]
    )]
    pub(super) plan: Option<PathBuf>,
    /// Do only the part I of N, with about as much to do as the others
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<Shard>,
    /// How many builds at a time, or N% of the processors [default: as configured]
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<Jobs>,
    /// How many pushes at a time [default: as configured]
    #[arg(long, value_name = "N")]
    pub(super) push_jobs: Option<NonZeroUsize>,
    /// Go on with what a failure does not touch; the default
    #[arg(long, conflicts_with = "fail_fast")]
    pub(super) keep_going: bool,
    /// Stop everything at the first failure
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Print the command lines, and start nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write what happened to FILE: as JSON, as Markdown if it ends in .md, as a web page if in .html
    #[arg(long, value_name = "FILE")]
    pub(super) report: Vec<PathBuf>,
    /// Write what happens, as it happens, to FILE: a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub(super) events: Option<PathBuf>,
    #[command(flatten)]
    pub(super) comparison: ComparisonArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunFormat {
    Text,
    Json,
    Markdown,
    Html,
    Images,
}

/// A number of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jobs {
    Count(NonZeroUsize),
    /// Of the processors.
    Percent(NonZeroUsize),
}

impl std::str::FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, is_percent) = text.strip_suffix('%').map_or((text, false), |number| (number, true));
        let number: NonZeroUsize = number.parse().map_err(|_| "give a number above 0, or one with %".to_owned())?;
        if number.get() > 1024 {
            return Err("that is more than 1024".to_owned());
        }
        Ok(if is_percent { Self::Percent(number) } else { Self::Count(number) })
    }
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Only these services
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Which records are shown [default: as configured]
    #[arg(long, value_name = "STORE")]
    pub(super) ledger: Option<LedgerChoice>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: StatusFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct LintArguments {
    /// Only the Dockerfiles of these services
    #[arg(value_name = "SERVICE")]
    pub(super) services: Vec<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: LintFormat,
    /// Exit with 1 if RULE finds something; all: any rule that is not allowed
    #[arg(long, value_name = "RULE")]
    pub(super) deny: Vec<Denied>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LintFormat {
    Text,
    Json,
    Github,
}

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    All,
    Rule(LintRule),
}

impl FromStr for Denied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        LintRule::of(text).map(Self::Rule).ok_or_else(|| match LintRule::nearest(text) {
            Some(near) => format!("there is no such rule; did you mean `{}`?", near.as_str()),
            None => "there is no such rule; docs/lint.md lists them".to_owned(),
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct LockArguments {
    /// Write nothing; exit with 1 if build-plan.lock is not what the tree needs
    #[arg(long, conflicts_with = "download")]
    pub(super) check: bool,
    /// Run `go mod download` first
    #[arg(long)]
    pub(super) download: bool,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Which format
    #[arg(value_name = "NAME")]
    pub(super) name: SchemaChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaChoice {
    Config,
    Plan,
    Inputs,
    Packages,
    Matrix,
    Report,
    Status,
    Lint,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}
