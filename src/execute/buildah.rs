//! The builder `buildah`: builds and pushes with `buildah`, or with `podman`, which has the same commands. Neither needs a
//! daemon. An image of several platforms is a manifest list of the local store.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::execute::builder::{
    BuildResult, Builder, Commands, Job, StepContext, StepError, may_a_push_pass, scratch_folder, with_digest,
    without_tags,
};
use crate::execute::docker::cache_image;
use crate::execute::process::Invocation;
use crate::ledger::Image;
use crate::registry::is_digest;
use crate::repo::Hasher;

/// Builds and pushes with `buildah` or `podman`.
#[derive(Clone, Copy, Debug)]
pub struct BuildahBuilder {
    program: &'static str,
}

impl BuildahBuilder {
    /// `buildah` if a folder of `PATH` has it, else `podman`; `None` without both.
    pub fn find(path: &OsStr) -> Option<Self> {
        let is_there = |program: &&str| std::env::split_paths(path).any(|folder| folder.join(program).is_file());
        ["buildah", "podman"].into_iter().find(is_there).map(|program| Self { program })
    }

    fn build_argv(&self, job: &Job, image_id: Option<&Path>) -> (Vec<OsString>, Vec<String>) {
        let settings = &job.settings;
        let mut argv: Vec<OsString> = [self.program, "build", "--layers"].map(OsString::from).to_vec();
        let mut flag = |name: &str, value: &OsStr| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            argv.push(flag);
        };
        flag("platform", job.platforms.join(",").as_ref());
        if let Some(dockerfile) = &job.dockerfile {
            flag("file", dockerfile.as_ref());
        }
        if let Some(stage) = &settings.target {
            flag("target", stage.as_ref());
        }
        for (name, pairs) in [("build-arg", &settings.build_args), ("label", &settings.labels)] {
            for (key, value) in pairs {
                flag(name, format!("{key}={value}").as_ref());
            }
        }
        for (name, values) in [("secret", &settings.secrets), ("ssh", &settings.ssh)] {
            for value in values {
                flag(name, value.as_ref());
            }
        }
        let mut left_out: Vec<String> = settings.provenance.iter().map(|what| format!("provenance {what}")).collect();
        for (name, caches) in [("cache-from", &settings.cache_from), ("cache-to", &settings.cache_to)] {
            for cache in caches {
                match cache_image(cache) {
                    // It makes its own tags there.
                    Some(image) => flag(name, untagged(image).as_ref()),
                    None => left_out.push(format!("{name} {cache}")),
                }
            }
        }
        if job.is_insecure() {
            flag("tls-verify", "false".as_ref());
        }
        if let Some(file) = image_id {
            flag("iidfile", file.as_ref());
        }
        if is_list(job) {
            flag("manifest", list_name(job).as_ref());
        }
        argv.push(job.context.clone().into());
        (argv, left_out)
    }

    fn push_argv(&self, job: &Job, image: &str, destination: &str, digest: Option<&Path>) -> Vec<OsString> {
        let mut argv: Vec<OsString> = match is_list(job) {
            true => [self.program, "manifest", "push", "--all"].map(OsString::from).to_vec(),
            false => [self.program, "push"].map(OsString::from).to_vec(),
        };
        if job.is_insecure() {
            argv.push("--tls-verify=false".into());
        }
        if let Some(file) = digest {
            let mut flag = OsString::from("--digestfile=");
            flag.push(file);
            argv.push(flag);
        }
        argv.extend([image.into(), format!("docker://{destination}").into()]);
        argv
    }

    /// A list that is there already would get the new images beside the old ones.
    fn remove_list(&self, job: &Job, context: &mut StepContext<'_>) -> Result<(), StepError> {
        let argv = [self.program, "manifest", "rm", &list_name(job)].map(OsString::from).to_vec();
        match context.run_translated(&invocation(job, argv), &mut |_| Vec::new()) {
            Err(error) if error.exit_status.is_none() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Builder for BuildahBuilder {
    fn build(&self, job: &Job, context: &mut StepContext<'_>) -> Result<BuildResult, StepError> {
        let folder = scratch_folder()?;
        let image_id = folder.path().join("image-id");
        if is_list(job) {
            self.remove_list(job, context)?;
        }
        let (argv, left_out) = self.build_argv(job, Some(&image_id));
        for setting in left_out {
            context.note(&format!("{} has no {setting}; it was left out", self.program));
        }
        let mut lines = BuildLines::default();
        let say = context.progress;
        let built = context.run(&invocation(job, argv), &mut |line| {
            if let Some(step) = lines.line(line) {
                say(step);
            }
        });
        built.map_err(|error| lines.explain(error))?;
        let reference = if is_list(job) {
            list_name(job)
        } else {
            let id = std::fs::read_to_string(&image_id).unwrap_or_default();
            let id = id.trim();
            if !is_digest(id) {
                return Err(StepError::failed(format!("{} did not say which image it built", self.program)));
            }
            id.to_owned()
        };
        let image = Image { reference: Some(reference), ..Image::default() };
        Ok(BuildResult { image, cached_steps: Some(lines.cached), total_steps: Some(lines.total) })
    }

    fn push(&self, job: &Job, image: &Image, context: &mut StepContext<'_>) -> Result<Image, StepError> {
        let (Some(built), Some(repository)) = (&image.reference, &job.repository) else {
            return Err(StepError { is_gone: true, ..StepError::failed("it is not known which image was built") });
        };
        if job.tags.is_empty() {
            return Err(without_tags());
        }
        let folder = scratch_folder()?;
        let mut digests = Vec::new();
        for tag in &job.tags {
            let file = folder.path().join("digest");
            let argv = self.push_argv(job, built, &format!("{repository}:{tag}"), Some(&file));
            let (mut is_gone, mut last) = (false, String::new());
            let say = context.progress;
            let pushed = context.run(&invocation(job, argv), &mut |line| {
                is_gone |= line.contains("image not known") || line.contains("does not resolve to an image");
                if !line.trim().is_empty() {
                    say(line);
                    line.clone_into(&mut last);
                }
            });
            pushed.map_err(|error| match is_gone {
                true => StepError { message: format!("the image {built} is gone"), is_gone, ..error },
                false => may_a_push_pass(error, &last),
            })?;
            digests.push(std::fs::read_to_string(&file).unwrap_or_default().trim().to_owned());
        }
        with_digest(self.program, image, digests)
    }

    fn commands(&self, job: &Job) -> Commands {
        let image = if is_list(job) { list_name(job) } else { "IMAGE".to_owned() };
        let repository = job.repository.as_deref().unwrap_or_default();
        let push = job.tags.iter().map(|tag| self.push_argv(job, &image, &format!("{repository}:{tag}"), None));
        Commands { build: vec![self.build_argv(job, None).0], push: push.collect() }
    }
}

/// What `buildah build` says.
#[derive(Debug, Default)]
struct BuildLines {
    total: u32,
    cached: u32,
    step: String,
    failure: String,
}

impl BuildLines {
    /// Takes a line; returns the step that it begins.
    fn line<'l>(&mut self, line: &'l str) -> Option<&'l str> {
        if line.starts_with("Error: ") || line.starts_with("error ") {
            line.clone_into(&mut self.failure);
        }
        if line.contains("--> Using cache ") {
            self.cached += 1;
        }
        // `[linux/amd64] [1/2] STEP 3/5: RUN make`
        let step = line.find("STEP ").map(|at| (&line[..at], &line[at..]));
        let is_step = |(before, _): &(&str, &str)| before.split_whitespace().all(|word| word.starts_with('['));
        let (_, step) = step.filter(is_step)?;
        self.total += 1;
        step.clone_into(&mut self.step);
        Some(step)
    }

    fn explain(&self, error: StepError) -> StepError {
        if error.exit_status.is_none() || self.failure.is_empty() {
            return error;
        }
        let failure = self.failure.trim_start_matches("Error: ");
        let asks = ["initializing source", "pinging container registry", "reading manifest", "copying image"];
        let is_final = ["unauthorized", "denied", "manifest unknown", "not found", "invalid reference"];
        let may_pass_later =
            asks.iter().any(|words| failure.contains(words)) && !is_final.iter().any(|words| failure.contains(words));
        let message = match self.step.is_empty() {
            true => failure.to_owned(),
            false => format!("{}: {failure}", self.step),
        };
        StepError { message, may_pass_later, ..error }
    }
}

fn is_list(job: &Job) -> bool {
    job.platforms.len() > 1
}

/// The name of an image of several platforms in the local store, which all repositories of a user share.
fn list_name(job: &Job) -> String {
    let mut whose = Hasher::new("manifest list");
    whose.field(job.root.as_os_str().as_encoded_bytes()).field(job.service.as_bytes());
    let whose = whose.finish().to_string();
    let fingerprint = job.fingerprint.as_deref().unwrap_or("unknown");
    format!("localhost/buildplan/{whose:.32}:{fingerprint}")
}

/// A reference without its tag.
fn untagged(reference: &str) -> &str {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => reference,
    }
}

fn invocation(job: &Job, argv: Vec<OsString>) -> Invocation {
    Invocation { argv, dir: job.root.clone(), environment: job.environment.clone().into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::builder::tests::job;

    fn text(argv: &[OsString]) -> String {
        argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    const BUILDAH: BuildahBuilder = BuildahBuilder { program: "buildah" };

    #[test]
    fn one_platform_is_an_image_and_several_are_a_list() {
        let mut job = job();
        job.settings.cache_from = vec!["type=registry,ref=r.io:5000/c:x".into(), "type=gha".into()];
        job.settings.insecure_registries = vec!["r.io".into()];
        let (argv, left_out) = BUILDAH.build_argv(&job, None);
        let expected = "buildah build --layers --platform=linux/amd64 --file=/repo/Dockerfile \
                        --cache-from=r.io:5000/c --tls-verify=false /repo";
        assert_eq!(text(&argv), expected);
        assert_eq!(left_out, ["cache-from type=gha"]);
        job.platforms.push("linux/arm64".into());
        let Commands { build, push } = BUILDAH.commands(&job);
        let list = list_name(&job);
        let other = Job { service: "api-".into(), ..job.clone() };
        assert!(list.ends_with(&"f".repeat(64)) && list != list_name(&other), "{list}");
        assert!(text(&build[0]).contains(&format!("--manifest={list} /repo")), "{}", text(&build[0]));
        let expected = format!("buildah manifest push --all --tls-verify=false {list} docker://r.io/api:b");
        assert_eq!(text(&push[1]), expected);
    }

    #[test]
    fn steps_caches_and_the_error_are_read_from_what_it_prints() {
        let mut lines = BuildLines::default();
        let output = [
            "STEP 1/3: FROM scratch",
            "STEP 2/3: COPY a /a",
            "--> Using cache 30ffd8ce2bc6",
            "--> 30ffd8ce2bc",
            "[linux/amd64] [2/2] STEP 3/3: RUN make",
            "make: STEP 9/9: no",
            "Error: building at STEP \"RUN make\": exit status 2",
        ];
        let begun: Vec<&str> = output.iter().filter_map(|line| lines.line(line)).collect();
        assert_eq!(begun, ["STEP 1/3: FROM scratch", "STEP 2/3: COPY a /a", "STEP 3/3: RUN make"]);
        assert_eq!((lines.total, lines.cached), (3, 1));
        let failed = || StepError { exit_status: Some(2), ..StepError::failed("buildah ended with exit status 2") };
        let error = lines.explain(failed());
        assert_eq!(error.message, "STEP 3/3: RUN make: building at STEP \"RUN make\": exit status 2");
        assert!(!error.may_pass_later);
        lines.line("Error: creating build container: initializing source docker://r.io/x: pinging container registry");
        assert!(lines.explain(failed()).may_pass_later);
        lines.line("Error: initializing source docker://r.io/x: reading manifest latest: manifest unknown");
        assert!(!lines.explain(failed()).may_pass_later);
    }
}
