//! What the program prints: golden texts of one repository, and what must hold of every output of every tree.

use std::collections::BTreeSet;
use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Run, Sandbox, testdata, trees, without_ids};

/// The workspace after a change of a library, of a test, of an embedded file and of a page that is copied.
fn changed_workspace() -> Sandbox {
    let repo = Sandbox::copy_of("workspace");
    repo.edit("libs/money/money.go")
        .edit("libs/money/money_test.go")
        .edit("libs/server/signals_windows.go")
        .write("services/catalog/internal/products/data/toys.json", "[]\n")
        .edit("services/storefront/static/shop.css")
        .remove("services/mailer")
        .replace("go.work", "\t./services/mailer\n", "")
        .commit("change");
    repo
}

/// The configured repository after a change of the base image and of a file for one platform.
fn changed_configured() -> Sandbox {
    let repo = Sandbox::copy_of("configured");
    repo.edit("images/base/certs/example.crt").edit("internal/tuning/tuning_arm64.go").commit("change");
    repo
}

fn output(repo: &Sandbox, arguments: &[&str]) -> String {
    without_ids(&repo.run(arguments.iter().copied()).success())
}

#[test]
fn plan_as_text() {
    let repo = changed_workspace();
    assert_snapshot!(output(&repo, &["plan"]), @"
    the working copy (ID) against its first parent (ID): 9 changed files

    Build 3 of 4 services

      cart        libs/money/money.go modified
                  via services/cart/cmd/cart → services/cart/internal/basket → libs/money
      catalog     libs/money/money.go modified  +1 reason
                  via services/catalog/cmd/catalog → services/catalog/internal/products → libs/money
      storefront  libs/money/money.go modified  +1 reason
                  via services/storefront/cmd/storefront → services/storefront/internal/pages → libs/money

    Skip 1 unchanged

    Removed since base: mailer

    1 note (-v shows them)
    buildplan why cart shows every reason and chain; -v shows all services
    ");
    assert_snapshot!(output(&repo, &["plan", "-v"]), @"
    the working copy (ID) against its first parent (ID): 9 changed files

    Build 3 of 4 services

      cart        libs/money/money.go modified
                  via services/cart/cmd/cart → services/cart/internal/basket → libs/money
      catalog     libs/money/money.go modified
                  via services/catalog/cmd/catalog → services/catalog/internal/products → libs/money
                  services/catalog/internal/products/data/toys.json added (embedded)
                  via services/catalog/cmd/catalog → services/catalog/internal/products
      storefront  libs/money/money.go modified
                  via services/storefront/cmd/storefront → services/storefront/internal/pages → libs/money
                  services/storefront/static/shop.css modified (copied into the image)

    Skip 1 unchanged
      auth unchanged

    Removed since base: mailer

    note: not a service (a main package without a Dockerfile in its folder or above it in its module): tools/seed
    ");
    assert_snapshot!(output(&repo, &["plan", "auth"]), @"
    the working copy (ID) against its first parent (ID): 9 changed files

    Nothing to build: 1 unchanged, 3 left out.

    Removed since base: mailer

    1 note (-v shows them)
    ");
    assert_snapshot!(output(&repo, &["plan", "--base", "HEAD"]), @"
    the working copy (ID) against HEAD (ID): 0 changed files

    Nothing to build: all 4 services are unchanged.

    1 note (-v shows them)
    ");
    assert_snapshot!(output(&changed_configured(), &["plan", "--head", "HEAD"]), @"
    ID against its first parent (ID): 2 changed files

    Build 2 of 3 services

      api   internal/tuning/tuning_arm64.go modified (linux/arm64)  +1 reason
            via cmd/api → internal/tuning
      base  images/base/certs/example.crt modified (copied into the image)

    Skip 1 unchanged
    buildplan why api shows every reason and chain; -v shows all services
    ");
}

#[test]
fn plan_as_markdown() {
    assert_snapshot!(output(&changed_workspace(), &["plan", "-o", "markdown"]), @"
    ### Build 3 of 4 services

    the working copy (ID) against its first parent (ID): 9 changed files

    | service | why | chain |
    | --- | --- | --- |
    | cart | libs/money/money.go modified | services/cart/cmd/cart → services/cart/internal/basket → libs/money |
    | catalog | libs/money/money.go modified (+1) | services/catalog/cmd/catalog → services/catalog/internal/products → libs/money |
    | storefront | libs/money/money.go modified (+1) | services/storefront/cmd/storefront → services/storefront/internal/pages → libs/money |

    <details><summary>1 service skipped</summary>

    auth

    </details>

    Removed since base: mailer

    <details><summary>1 note</summary>

    - not a service (a main package without a Dockerfile in its folder or above it in its module): tools/seed

    </details>
    ");
    assert_snapshot!(output(&changed_workspace(), &["plan", "-o", "markdown", "--base", "HEAD"]), @"
    ### Nothing to build (4 services)

    the working copy (ID) against HEAD (ID): 0 changed files

    <details><summary>4 services skipped</summary>

    auth, cart, catalog, storefront

    </details>

    <details><summary>1 note</summary>

    - not a service (a main package without a Dockerfile in its folder or above it in its module): tools/seed

    </details>
    ");
}

#[test]
fn plan_as_json() {
    assert_snapshot!(output(&changed_configured(), &["plan", "-o", "json", "--push"]));
}

#[test]
fn why_a_service_is_built_or_not() {
    let repo = changed_workspace();
    assert_snapshot!(output(&repo, &["why", "storefront"]), @"
    the working copy (ID) against its first parent (ID): 9 changed files

    storefront is built, for 2 reasons:

      libs/money/money.go modified  [go-file]
        example.com/shop/services/storefront/cmd/storefront
        └─ example.com/shop/services/storefront/internal/pages
           └─ example.com/shop/libs/money

      services/storefront/static/shop.css modified (copied into the image)  [context-file]
    ");
    assert_snapshot!(output(&repo, &["why", "auth"]), @"
    the working copy (ID) against its first parent (ID): 9 changed files

    auth is skipped: no input differs between base and head.

    9 changed files are no input of it:
      go.work                                            nothing in it that this service depends on changed
      libs/money/money.go                                its package is not imported, directly or indirectly
      libs/money/money_test.go                           a test file, which go build does not compile
      libs/server/signals_windows.go                     not compiled for linux/amd64: its name or build constraint leaves it out
      services/catalog/internal/products/data/toys.json  neither embedded, nor copied into the image, nor a declared input
      services/mailer/Dockerfile                         not the Dockerfile of this service
      services/mailer/cmd/mailer/main.go                 its package is not imported, directly or indirectly
      services/mailer/go.mod                             nothing in it that this service depends on changed
      services/storefront/static/shop.css                neither embedded, nor copied into the image, nor a declared input

    ");
    assert_snapshot!(output(&repo, &["why", "auth", "--base", "HEAD"]), @"
    the working copy (ID) against HEAD (ID): 0 changed files

    auth is skipped: no input differs between base and head.
    No file differs at all.

    ");
}

#[test]
fn inputs_as_text() {
    assert_snapshot!(output(&changed_workspace(), &["inputs", "catalog"]), @"
    catalog: 12 files in 6 packages, 2 image inputs, 1 required module
    fingerprint ID

    example.com/shop/libs/config
      go     libs/config/config.go
      embed  libs/config/defaults.json

    example.com/shop/libs/log
      go     libs/log/log.go

    example.com/shop/libs/money
      go     libs/money/money.go
      go     libs/money/round.go

    example.com/shop/libs/server
      go     libs/server/server.go
      go     libs/server/signals_unix.go

    example.com/shop/services/catalog/cmd/catalog
      go     services/catalog/cmd/catalog/main.go

    example.com/shop/services/catalog/internal/products
      embed  services/catalog/internal/products/data/books.json
      embed  services/catalog/internal/products/data/games.json
      embed  services/catalog/internal/products/data/toys.json
      go     services/catalog/internal/products/products.go

    image
      dockerfile    services/catalog/Dockerfile
      dockerignore  .dockerignore

    required modules
      example.com/shop/libs v0.0.0 => ../../libs

    facts
      base image gcr.io/distroless/static-debian12
      base image golang:1.24-alpine
      go-version in services/catalog/go.mod = 1.24
      image.builder = docker
      image.context = .
      image.docker-inputs = trace
      language of example.com/shop/libs = 1.24
      language of example.com/shop/services/catalog = 1.24
      package = services/catalog/cmd/catalog
      targets = linux/amd64 cgo=off (services/catalog/go.mod)
    ");
    assert_snapshot!(output(&changed_workspace(), &["inputs", "catalog", "--diff"]), @"
    ~ libs/money/money.go modified
    + services/catalog/internal/products/data/toys.json added (embedded)
    ");
    assert_snapshot!(output(&Sandbox::copy_of("external-modules"), &["inputs", "paint", "--all"]), @"
    paint: 1 file in 1 package, 0 image inputs, 2 required modules
    fingerprint ID

    example.com/external/cmd/paint
      go     cmd/paint/main.go

    required modules
      example.org/color v1.4.0  (may be used)
      example.org/shape v0.2.0  (may be used)

    facts
      go-version in go.mod = 1.24
      image.builder = docker
      image.docker-inputs = trace
      language of example.com/external = 1.24
      package = cmd/paint
      targets = linux/amd64 (go.mod)
    ");
}

#[test]
fn inputs_as_json() {
    assert_snapshot!(output(&changed_configured(), &["inputs", "api", "-o", "json"]));
}

#[test]
fn packages_as_text_and_json() {
    let repo = changed_workspace();
    assert_snapshot!(output(&repo, &["packages"]), @"
    example.com/shop/libs/money
    example.com/shop/services/cart/cmd/cart
    example.com/shop/services/cart/internal/basket
    example.com/shop/services/catalog/cmd/catalog
    example.com/shop/services/catalog/internal/products
    example.com/shop/services/storefront/cmd/storefront
    example.com/shop/services/storefront/internal/pages
    example.com/shop/tools/seed
    ");
    assert_snapshot!(output(&repo, &["packages", "--tests", "-o", "json"]), @r#"
    {
      "schema": "buildplan.packages.v1",
      "tool": {
        "name": "buildplan",
        "version": "0.1.0",
        "fingerprint_scheme": 1
      },
      "tests": true,
      "packages": [
        {
          "import_path": "example.com/shop/libs/money",
          "dir": "libs/money",
          "module": "example.com/shop/libs",
          "changed": true
        }
      ]
    }
    "#);
}

#[test]
fn every_tree_has_a_plan_or_a_complaint() {
    let shown = |tree: String| {
        let run = Sandbox::copy_of(&tree).run(["plan", "--all", "-v"]);
        format!("== {tree}: exit {}\n{}{}\n", run.code, without_ids(&run.stdout), run.stderr)
    };
    let all: String = trees().into_iter().map(shown).collect();
    assert_snapshot!(all);
}

/// Trees that can be planned.
fn good_trees() -> impl Iterator<Item = (String, Sandbox)> {
    let broken = ["broken-go-mod", "broken-go-work", "missing-use", "not-main"];
    trees().into_iter().filter(move |tree| !broken.contains(&&**tree)).map(|tree| {
        let repo = Sandbox::copy_of(&tree);
        (tree, repo)
    })
}

#[test]
fn no_line_ends_in_a_space() {
    let check = |tree: &str, arguments: &[&str], text: &str| {
        assert!(!text.lines().any(|line| line.ends_with([' ', '\t'])), "{tree} {arguments:?}:\n{text}");
        assert!(text.is_empty() || text.ends_with('\n') && !text.ends_with("\n\n"), "{tree} {arguments:?}:\n{text}");
    };
    for (tree, repo) in good_trees() {
        for arguments in [
            &["plan", "--all"][..],
            &["plan", "--all", "-v"],
            &["plan", "--base", "HEAD"],
            &["plan", "--all", "-o", "markdown"],
            &["packages", "--all"],
        ] {
            check(&tree, arguments, &repo.run(arguments.iter().copied()).success());
        }
        for service in repo.plan(["--all"]).services() {
            for arguments in [["why", "--all", service], ["why", "--base=HEAD", service], ["inputs", "--all", service]]
            {
                check(&tree, &arguments, &repo.run(arguments).success());
            }
        }
    }
    let repo = changed_workspace();
    for arguments in [&["plan"][..], &["plan", "-v"], &["why", "storefront"], &["inputs", "catalog", "--diff"]] {
        check("changed", arguments, &repo.run(arguments.iter().copied()).success());
    }
}

/// The schema of a format, ready to judge.
fn schema(name: &str) -> jsonschema::Validator {
    let text = Sandbox::folder().run(["schema", name]).success();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn check_valid(schema: &jsonschema::Validator, document: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

#[test]
fn every_json_document_is_what_its_schema_says() {
    let (plans, inputs, packages) = (schema("plan"), schema("inputs"), schema("packages"));
    let advice = schema("lint");
    let json = |repo: &Sandbox, arguments: &[&str]| -> Value {
        serde_json::from_str(&repo.run(arguments.iter().copied().chain(["-o", "json"])).success()).unwrap()
    };
    let changed =
        ["workspace", "configured"].map(str::to_owned).into_iter().zip([changed_workspace(), changed_configured()]);
    for (_, repo) in good_trees().chain(changed) {
        let plan = repo.plan(["--on-missing-base", "all"]);
        check_valid(&plans, &plan.0);
        check_valid(&packages, &json(&repo, &["packages", "--on-missing-base", "all"]));
        check_valid(&advice, &json(&repo, &["lint"]));
        for service in plan.services() {
            check_valid(&inputs, &json(&repo, &["inputs", service, "--on-missing-base", "all"]));
        }
    }
}

#[test]
fn the_plan_schema_refuses_other_documents() {
    let plans = schema("plan");
    let plan = changed_configured().plan([]).0;
    assert!(plans.is_valid(&plan));
    for key in plan.as_object().unwrap().keys() {
        let mut without = plan.clone();
        without.as_object_mut().unwrap().remove(key);
        // What may be null may also be left out.
        assert_eq!(plans.is_valid(&without), key == "base", "without {key}");
    }
}

#[test]
fn every_configuration_that_is_read_is_what_the_schema_says() {
    let config = schema("config");
    let examples = trees().into_iter().map(|tree| testdata().join(tree).join("build-plan.toml"));
    let examples = examples.chain([testdata().join("../build-plan.toml")]).filter(|file| file.exists());
    let mut count = 0;
    for file in examples {
        check_valid(&config, &toml::from_str(&fs::read_to_string(file).unwrap()).unwrap());
        count += 1;
    }
    assert!(count >= 3, "only {count} examples found");
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let config = schema("config");
    let repo = Sandbox::copy_of("single-module");
    for text in [
        "versoin = 1",
        "version = 2",
        "[go]\ncgo = \"yes\"",
        "[go]\nplatforms = \"linux/amd64\"",
        "[image]\nbuilder = \"dokcer\"",
        "[services.api]\npackages = \"cmd/api\"",
        "[services.api]\nweight = \"heavy\"",
        "[ledger]\nstore = \"memory\"",
    ] {
        assert_eq!(repo.write("build-plan.toml", text).run(["plan", "--all"]).code, 2, "{text}");
        assert!(!config.is_valid(&toml::from_str(text).unwrap()), "{text}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let repo = changed_workspace();
    for arguments in [
        &["plan", "-v"][..],
        &["plan", "-o", "json"],
        &["plan", "-o", "markdown"],
        &["why", "cart"],
        &["inputs", "cart", "-o", "json"],
        &["packages"],
    ] {
        let first = repo.run(arguments.iter().copied()).success();
        assert_eq!(first, repo.run(arguments.iter().copied()).success(), "{arguments:?}");
        let without_cache = arguments.iter().copied().chain(["--no-cache"]);
        assert_eq!(first, repo.run(without_cache).success(), "{arguments:?}");
    }
}

#[test]
fn clones_in_different_folders_agree_byte_for_byte() {
    let repo = changed_workspace();
    let (one, two) = (repo.clone_as("one", &[]), repo.clone_as("a folder with another name", &[]));
    for arguments in [
        &["plan", "-o", "json", "--base", "HEAD~1"][..],
        &["plan", "-v", "--base", "HEAD~1"],
        &["inputs", "cart", "-o", "json", "--base", "HEAD~1"],
    ] {
        let expected = repo.run(arguments.iter().copied()).success();
        assert_eq!(one.run(arguments.iter().copied()).success(), expected, "{arguments:?}");
        assert_eq!(two.run(arguments.iter().copied()).success(), expected, "{arguments:?}");
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let repo = changed_workspace();
    let file = repo.beside("plan.json");
    let write = |arguments: &[&str]| Run::of(repo.program().args(arguments).arg("--write").arg(&file));
    assert_eq!(write(&["plan", "-o", "json"]).success(), "");
    let plan = repo.run(["plan", "-o", "json"]).success();
    assert_eq!(fs::read_to_string(&file).unwrap(), plan);
    write(&["plan", "no-such-service"]).failure();
    assert_eq!(fs::read_to_string(&file).unwrap(), plan);
    assert_eq!(write(&["plan", "-q"]).success(), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), "cart\ncatalog\nstorefront\n");
    let names: BTreeSet<_> =
        fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, BTreeSet::from(["plan.json".into(), "repository".into()]));
}

#[test]
fn text_is_coloured_only_when_asked_for() {
    let repo = changed_workspace();
    let run = |arguments: &[&str], variable: (&str, &str)| {
        let run = Run::of(repo.program().args(arguments).env(variable.0, variable.1));
        run.stdout + &run.stderr
    };
    let none = ("UNUSED", "");
    let plain = run(&["plan"], none);
    for arguments in [&["plan"][..], &["why", "cart"], &["inputs", "cart"], &["plan", "unknown"]] {
        let is_coloured = |options: &[&str], variable| {
            let all: Vec<&str> = arguments.iter().chain(options).copied().collect();
            run(&all, variable).contains('\u{1b}')
        };
        assert!(!is_coloured(&[], none), "{arguments:?}");
        assert!(!is_coloured(&["--color", "never"], ("CLICOLOR_FORCE", "1")), "{arguments:?}");
        assert!(is_coloured(&["--color", "always"], none), "{arguments:?}");
        assert!(is_coloured(&["--color", "always"], ("NO_COLOR", "1")), "{arguments:?}");
        assert!(is_coloured(&[], ("CLICOLOR_FORCE", "1")), "{arguments:?}");
    }
    let coloured = run(&["plan", "--color", "always"], none);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    for format in ["json", "markdown"] {
        assert!(!run(&["plan", "-o", format, "--color", "always"], none).contains('\u{1b}'), "{format}");
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let folder = Sandbox::folder();
    assert!(folder.run(["--version"]).success().starts_with("buildplan "));
    for command in ["plan", "why", "inputs", "packages", "lint", "schema", "completions"] {
        let help = folder.run([command, "--help"]).success();
        assert!(help.contains("Example") && help.contains(&format!("  buildplan {command} ")), "{help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(folder.run(["completions", shell]).success().contains("on-missing-base"), "{shell}");
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let repo = changed_workspace();
    let mut child = repo
        .program()
        .args(["plan", "-o", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
