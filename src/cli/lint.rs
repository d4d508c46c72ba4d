//! `buildplan lint`.

use crate::cli::args::{ComparisonArguments, Denied, GlobalArguments, LintArguments, LintFormat};
use crate::cli::comparison::compare;
use crate::cli::output::{Failure, Output, Status};
use crate::config::LintRule;
use crate::lint::lint;
use crate::render::json;
use crate::render::lint::{lint_document, lint_github, lint_text};

pub(super) fn run(global: &GlobalArguments, command: &LintArguments, output: &Output) -> Result<Status, Failure> {
    let arguments = ComparisonArguments::without_base();
    let names = &command.services;
    let (advice, denied) = compare(global, &arguments, false, |comparison| {
        for name in names {
            comparison.service(name)?;
        }
        let settings = &comparison.config().lint;
        let denied = denied(&command.deny, &settings.allow, &settings.deny);
        // What the command line denies is not allowed, whatever the configuration says.
        let allow: Vec<LintRule> = settings.allow.iter().copied().filter(|rule| !denied.contains(rule)).collect();
        let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
        Ok((lint(comparison.head, &wanted, &allow)?, denied))
    })?;
    let text = match command.output {
        LintFormat::Text => lint_text(&advice, &denied, output.detail, output.styles()),
        LintFormat::Json => json::to_text(&lint_document(&advice, &denied)).map_err(Failure::new)?,
        LintFormat::Github => lint_github(&advice, &denied),
    };
    output.data(&text)?;
    let failed = advice.findings.iter().any(|finding| denied.contains(&finding.rule));
    Ok(if failed { Status::CheckFailed } else { Status::Done })
}

/// The rules whose findings are errors. `all` leaves out what the configuration allows.
fn denied(asked: &[Denied], allow: &[LintRule], configured: &[LintRule]) -> Vec<LintRule> {
    let is_denied = |rule: &LintRule| {
        configured.contains(rule)
            || asked.contains(&Denied::Rule(*rule))
            || asked.contains(&Denied::All) && !allow.contains(rule)
    };
    LintRule::ALL.into_iter().filter(is_denied).collect()
}
