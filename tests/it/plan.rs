//! What is rebuilt after a change, and why: one fact a test, seen from outside.

use crate::support::{Plan, Sandbox};

/// The reasons for every service that a change makes stale must be `expected`.
///
/// The change is planned as the working copy and as a commit, which must agree in everything, and backwards, where the
/// same services must be stale.
#[track_caller]
fn check<const N: usize>(tree: &str, change: impl FnOnce(&Sandbox) -> &Sandbox, expected: [&str; N]) {
    check_in(&Sandbox::copy_of(tree), change, expected);
}

/// The workspace, where the images see the go.work.
fn workspace_with_go_work() -> Sandbox {
    let repo = Sandbox::copy_of("workspace");
    for service in ["auth", "cart", "catalog", "mailer", "storefront"] {
        let dockerfile = format!("services/{service}/Dockerfile");
        repo.replace(&dockerfile, " GOWORK=off", "").replace(&dockerfile, "COPY libs/ libs/", "COPY . .");
    }
    repo.commit("with go.work");
    repo
}

#[track_caller]
fn check_in<const N: usize>(repo: &Sandbox, change: impl FnOnce(&Sandbox) -> &Sandbox, expected: [&str; N]) {
    change(repo);
    let uncommitted = repo.plan(["--base", "HEAD"]);
    assert_eq!(uncommitted.story(), expected);
    repo.commit("change");
    let committed = repo.plan(["--base", "HEAD~1", "--head", "HEAD"]);
    assert_eq!(uncommitted.0["services"], committed.0["services"]);
    let backwards = repo.plan(["--base", "HEAD", "--head", "HEAD~1", "--no-merge-base"]);
    let in_both = |names: Vec<&str>| -> Vec<String> {
        let both =
            names.iter().filter(|name| committed.services().contains(name) && backwards.services().contains(name));
        both.map(ToString::to_string).collect()
    };
    assert_eq!(in_both(committed.built()), in_both(backwards.built()));
}

#[test]
fn nothing_is_rebuilt_when_nothing_changed() {
    check("workspace", |repo| repo, []);
}

#[test]
fn a_file_of_a_shared_package_rebuilds_exactly_its_dependents() {
    check(
        "workspace",
        |repo| repo.edit("libs/money/money.go"),
        [
            "cart: go-file libs/money/money.go modified via cart > basket > money",
            "catalog: go-file libs/money/money.go modified via catalog > products > money",
            "storefront: go-file libs/money/money.go modified via storefront > pages > money",
        ],
    );
}

#[test]
fn a_file_of_one_service_rebuilds_that_service() {
    let file = "services/auth/internal/token/token.go";
    check(
        "workspace",
        |repo| repo.edit(file),
        ["auth: go-file services/auth/internal/token/token.go modified via auth > token"],
    );
}

#[test]
fn of_several_changes_the_nearest_comes_first() {
    check(
        "workspace",
        |repo| {
            repo.edit("libs/log/log.go")
                .edit("libs/config/config.go")
                .edit("services/mailer/cmd/mailer/main.go")
                .edit("libs/server/server.go")
                .remove("services/auth")
                .remove("services/cart")
                .remove("services/catalog")
                .replace("go.work", "\t./services/auth\n\t./services/cart\n\t./services/catalog\n", "")
        },
        [
            "mailer: go-file services/mailer/cmd/mailer/main.go modified via mailer",
            "mailer: go-file libs/config/config.go modified via mailer > config",
            "mailer: go-file libs/log/log.go modified via mailer > log",
            "storefront: go-file libs/server/server.go modified via storefront > server",
            "storefront: go-file libs/config/config.go modified via storefront > server > config",
            "storefront: go-file libs/log/log.go modified via storefront > server > log",
            "removed: auth",
            "removed: cart",
            "removed: catalog",
        ],
    );
}

#[test]
fn what_no_build_reads_rebuilds_nothing() {
    check(
        "workspace",
        |repo| {
            repo.edit("libs/money/money_test.go")
                .write("libs/money/extra_test.go", "package money_test\n")
                .edit("libs/server/signals_windows.go")
                .write("libs/money/money_arm64.go", "package money\n")
                .write("libs/money/hand.go", "//go:build ignore\n\npackage main\n")
                .write("libs/money/testdata/x.go", "package x\n")
                .write("libs/money/_old.go", "package money\n")
                .write("libs/money/.draft.go", "package money\n")
                .write("libs/money/notes.txt", "cents\n")
                .write("libs/unused/unused.go", "package unused\n")
                .edit("docs/architecture.md")
                .edit("README.md")
                .edit("tools/seed/main.go")
        },
        [],
    );
}

#[test]
fn what_go_mod_and_go_work_say_counts_and_not_how() {
    check(
        "workspace",
        |repo| {
            repo.edit("services/cart/go.mod").edit("libs/go.mod").edit("go.work").replace(
                "services/auth/go.mod",
                "require example.com/shop/libs v0.0.0",
                "require (\n\texample.com/shop/libs v0.0.0\n)",
            )
        },
        [],
    );
}

#[test]
fn unused_lines_of_go_sum_rebuild_nothing() {
    let line = "example.org/gone v1.0.0 h1:o29jG0q0X3L1g0u0Y2kUe8yI5C1iJ4jXbq5Hh6pRZ7A=\n";
    check("external-modules", |repo| repo.write("go.sum", repo.read("go.sum") + line), []);
}

#[test]
fn an_embedded_file_is_an_input_however_it_is_embedded() {
    check(
        "embed",
        |repo| {
            repo.edit("cmd/files/one.txt")
                .remove("cmd/files/texts/a.txt")
                .write("cmd/files/texts/b.txt", "b\n")
                .write("cmd/files/folder/new/g.txt", "g\n")
                .edit("cmd/files/everything/.hidden")
        },
        [
            "files: embed-file cmd/files/everything/.hidden modified via files",
            "files: embed-file cmd/files/folder/new/g.txt added via files",
            "files: embed-file cmd/files/one.txt modified via files",
            "files: embed-file cmd/files/texts/a.txt deleted (at base) via files",
            "files: embed-file cmd/files/texts/b.txt added via files",
        ],
    );
}

#[test]
fn files_beside_the_embedded_ones_are_no_inputs() {
    check(
        "embed",
        |repo| {
            repo.edit("cmd/files/folder/.hidden")
                .write("cmd/files/folder/_draft", "")
                .edit("cmd/files/texts/notes.md")
                .write("cmd/files/texts/deep/c.txt", "c\n")
                .write("cmd/files/two.txt", "2\n")
        },
        [],
    );
}

#[test]
fn a_link_that_a_pattern_matches_counts_with_what_it_leads_to() {
    check(
        "embed",
        |repo| {
            repo.write("docs/b.txt", "b\n").link("cmd/files/texts/b.txt", "../../../docs/b.txt").commit("link");
            repo.edit("docs/b.txt")
        },
        [
            "files: embed-file cmd/files/texts/b.txt modified via files",
            "files: embed-file docs/b.txt modified via files",
        ],
    );
}

#[test]
fn of_another_embed_pattern_only_the_go_file_is_named() {
    check(
        "embed",
        |repo| repo.replace("cmd/files/main.go", "texts/*.txt", "texts"),
        ["files: go-file cmd/files/main.go modified via files"],
    );
}

#[test]
fn embedded_files_of_a_shared_library_rebuild_everyone_who_imports_it() {
    check(
        "workspace",
        |repo| repo.edit("libs/config/defaults.json").edit("services/catalog/internal/products/data/games.json"),
        [
            "auth: embed-file libs/config/defaults.json modified via auth > server > config",
            "cart: embed-file libs/config/defaults.json modified via cart > server > config",
            "catalog: embed-file services/catalog/internal/products/data/games.json modified via catalog > products",
            "catalog: embed-file libs/config/defaults.json modified via catalog > server > config",
            "mailer: embed-file libs/config/defaults.json modified via mailer > config",
            "storefront: embed-file libs/config/defaults.json modified via storefront > server > config",
        ],
    );
}

#[test]
fn a_deleted_file_counts_at_base() {
    check(
        "workspace",
        |repo| repo.remove("libs/money/round.go"),
        [
            "cart: go-file libs/money/round.go deleted (at base) via cart > basket > money",
            "catalog: go-file libs/money/round.go deleted (at base) via catalog > products > money",
            "storefront: go-file libs/money/round.go deleted (at base) via storefront > pages > money",
        ],
    );
}

#[test]
fn a_renamed_file_is_deleted_and_added() {
    check(
        "single-module",
        |repo| repo.rename("internal/clean/clean.go", "internal/clean/tidy.go"),
        [
            "worker: go-file internal/clean/clean.go deleted (at base) via worker > clean",
            "worker: go-file internal/clean/tidy.go added via worker > clean",
        ],
    );
}

#[test]
fn a_file_moved_between_packages_counts_in_both() {
    check(
        "single-module",
        |repo| {
            repo.write("internal/store/more.go", "package store\n").commit("more");
            repo.rename("internal/store/more.go", "internal/clean/more.go").replace(
                "internal/clean/more.go",
                "package store",
                "package clean",
            )
        },
        [
            "api: go-file internal/store/more.go deleted (at base) via api > store",
            "worker: go-file internal/clean/more.go added via worker > clean",
            "worker: go-file internal/store/more.go deleted (at base) via worker > clean > store",
        ],
    );
}

#[test]
fn a_new_import_brings_in_the_package_that_it_names() {
    check(
        "single-module",
        |repo| repo.replace("cmd/api/main.go", "import (", "import (\n\t_ \"example.com/notes/internal/clean\""),
        [
            "api: go-file cmd/api/main.go modified via api",
            "api: resolution example.com/notes/internal/clean \"\" -> \"internal/clean\" via api",
        ],
    );
}

#[test]
fn a_new_package_rebuilds_only_who_imports_it() {
    check(
        "single-module",
        |repo| {
            repo.write("internal/fresh/fresh.go", "package fresh\n").replace(
                "internal/clean/clean.go",
                "import \"",
                "import _ \"example.com/notes/internal/fresh\"\n\nimport \"",
            )
        },
        [
            "worker: go-file internal/clean/clean.go modified via worker > clean",
            "worker: go-file internal/fresh/fresh.go added via worker > clean > fresh",
            "worker: resolution example.com/notes/internal/fresh \"\" -> \"internal/fresh\" via worker > clean",
            "worker: language-version example.com/notes \"\" -> \"1.24\" via worker > clean > fresh",
        ],
    );
}

#[test]
fn a_new_go_mod_takes_its_folder_out_of_the_module_around_it() {
    check(
        "nested-modules",
        |repo| repo.write("assets/files/sub/go.mod", "module example.com/sub\n"),
        ["outer: embed-file assets/files/sub/b.txt (at base) via outer > assets"],
    );
    check(
        "single-module",
        |repo| repo.write("internal/store/go.mod", "module example.com/notes/internal/store\n"),
        [
            "api: unknown \"\" -> \"no module in go.mod provides `example.com/notes/internal/store`, imported by example.com/notes/cmd/api\"",
            "api: resolution example.com/notes/internal/store \"internal/store\" -> \"no module in go.mod provides `example.com/notes/internal/store`\" via api",
            "api: language-version example.com/notes (at base) \"1.24\" -> \"\" via api > store",
            "worker: unknown \"\" -> \"no module in go.mod provides `example.com/notes/internal/store`, imported by example.com/notes/internal/clean\"",
            "worker: resolution example.com/notes/internal/store \"internal/store\" -> \"no module in go.mod provides `example.com/notes/internal/store`\" via worker > clean",
            "worker: language-version example.com/notes (at base) \"1.24\" -> \"\" via worker > clean > store",
        ],
    );
}

#[test]
fn modules_inside_others_do_not_touch_them() {
    check("nested-modules", |repo| repo.edit("inner/main.go"), ["inner: go-file inner/main.go modified via inner"]);
}

#[test]
fn the_language_version_of_a_module_counts_for_its_packages_and_that_of_the_workspace_for_all() {
    check(
        "workspace",
        |repo| repo.replace("libs/go.mod", "go 1.24", "go 1.23"),
        [
            "auth: language-version example.com/shop/libs \"1.24\" -> \"1.23\" via auth > server",
            "cart: language-version example.com/shop/libs \"1.24\" -> \"1.23\" via cart > server",
            "catalog: language-version example.com/shop/libs \"1.24\" -> \"1.23\" via catalog > server",
            "mailer: language-version example.com/shop/libs \"1.24\" -> \"1.23\" via mailer > config",
            "storefront: language-version example.com/shop/libs \"1.24\" -> \"1.23\" via storefront > server",
        ],
    );
    check(
        "workspace",
        |repo| repo.replace("services/mailer/go.mod", "go 1.24", "go 1.23"),
        [
            "mailer: language-version go-version \"1.24\" -> \"1.23\"",
            "mailer: language-version example.com/shop/services/mailer \"1.24\" -> \"1.23\" via mailer",
        ],
    );
    check("workspace", |repo| repo.replace("go.work", "go 1.24", "go 1.25"), []);
    check_in(
        &workspace_with_go_work(),
        |repo| repo.replace("go.work", "go 1.24", "go 1.25"),
        [
            "auth: language-version go-version \"1.24\" -> \"1.25\"",
            "cart: language-version go-version \"1.24\" -> \"1.25\"",
            "catalog: language-version go-version \"1.24\" -> \"1.25\"",
            "mailer: language-version go-version \"1.24\" -> \"1.25\"",
            "storefront: language-version go-version \"1.24\" -> \"1.25\"",
        ],
    );
}

#[test]
fn a_go_work_that_go_refuses_builds_nothing_unless_the_modules_may_stand_for_themselves() {
    let repo = workspace_with_go_work();
    repo.replace("services/cart/Dockerfile", "RUN cd", "ARG GOWORK\nRUN cd").commit("unknown");
    let refused = |service: &str| {
        let why = "services/mailer/go.mod wants go 1.25, but go.work says go 1.24; run go work use";
        format!("{service}: unknown \"\" -> \"go.work: {why}\"")
    };
    check_in(
        &repo,
        |repo| repo.replace("services/mailer/go.mod", "go 1.24", "go 1.25"),
        [
            &refused("auth"),
            "cart: build-flags targets \"linux/amd64 cgo=off (go.work; services/cart/go.mod)\" -> \"linux/amd64 cgo=off (services/cart/go.mod)\"",
            &refused("catalog"),
            &refused("mailer"),
            "mailer: language-version example.com/shop/services/mailer \"1.24\" -> \"1.25\" via mailer",
            &refused("storefront"),
        ],
    );
}

#[test]
fn godebug_and_toolchain_lines_count_for_the_main_module() {
    check(
        "single-module",
        |repo| repo.write("go.mod", repo.read("go.mod") + "\ngodebug panicnil=1\n"),
        ["api: godebug godebug \"\" -> \"panicnil=1\"", "worker: godebug godebug \"\" -> \"panicnil=1\""],
    );
    check(
        "single-module",
        |repo| repo.write("go.mod", repo.read("go.mod") + "\ntoolchain go1.25.1\n"),
        ["api: toolchain toolchain \"\" -> \"go1.25.1\"", "worker: toolchain toolchain \"\" -> \"go1.25.1\""],
    );
}

#[test]
fn modules_joined_by_replace_lines_are_one_source() {
    check(
        "replace-local",
        |repo| repo.edit("lib/greeting/greeting.go"),
        ["app: go-file lib/greeting/greeting.go modified via app > greeting"],
    );
    check("replace-local", |repo| repo.edit("unused/unused.go"), []);
    check(
        "replace-local",
        |repo| repo.replace("lib/go.mod", "go 1.24", "go 1.25"),
        ["app: language-version example.com/lib \"1.24\" -> \"1.25\" via app > greeting"],
    );
}

#[test]
fn a_new_replace_line_changes_what_an_import_means() {
    check(
        "replace-local",
        |repo| {
            repo.write("fork/go.mod", "module example.com/lib\n\ngo 1.24\n")
                .write("fork/greeting/greeting.go", repo.read("lib/greeting/greeting.go"))
                .replace("app/go.mod", "=> ../lib", "=> ../fork")
        },
        [
            "app: go-file fork/greeting/greeting.go added via app > greeting",
            "app: resolution example.com/lib/greeting \"lib/greeting\" -> \"fork/greeting\" via app",
            "app: vendoring example.com/lib \"\" -> \"v1.2.3 => ../fork\" via app > greeting",
            "app: vendoring example.com/lib (at base) \"v1.2.3 => ../lib\" -> \"\" via app > greeting",
            "app: language-version example.com/lib \"\" -> \"1.24\" via app > greeting",
            "app: language-version example.com/lib (at base) \"1.24\" -> \"\" via app > greeting",
        ],
    );
}

#[test]
fn a_bumped_requirement_rebuilds_only_services_that_import_external_modules() {
    check(
        "external-modules",
        |repo| repo.replace("go.mod", "color v1.4.0", "color v1.5.0"),
        ["paint: external-module example.org/color \"v1.4.0\" -> \"v1.5.0\" via paint > color"],
    );
    check(
        "external-modules",
        |repo| repo.replace("go.mod", "shape v0.2.0", "shape v0.3.0"),
        ["paint: external-module example.org/shape \"v0.2.0\" -> \"v0.3.0\" via paint"],
    );
    check(
        "external-modules",
        |repo| repo.replace("go.sum", "color v1.4.0 h1:o", "color v1.4.0 h1:p"),
        ["paint: external-module example.org/color \"v1.4.0\" -> \"v1.4.0\" via paint > color"],
    );
}

#[test]
fn vendored_modules_are_exact() {
    check(
        "vendored",
        |repo| repo.edit("vendor/example.org/color/color.go"),
        ["paint: go-file vendor/example.org/color/color.go modified via paint > color"],
    );
    check(
        "vendored",
        |repo| {
            repo.replace("go.mod", "shape v0.2.0", "shape v0.3.0").replace(
                "vendor/modules.txt",
                "shape v0.2.0",
                "shape v0.3.0",
            )
        },
        [],
    );
}

#[test]
fn a_vendor_folder_that_appears_changes_where_imports_lead() {
    check(
        "external-modules",
        |repo| {
            repo.write("vendor/modules.txt", "# example.org/color v1.4.0\n## explicit; go 1.22\nexample.org/color\n# example.org/shape v0.2.0\n## explicit\n")
                .write("vendor/example.org/color/color.go", "package color\n\nconst Red = \"red\"\n")
        },
        [
            "paint: go-file vendor/example.org/color/color.go added via paint > color",
            "paint: resolution example.org/color \"an external module\" -> \"vendor/example.org/color\" via paint",
            "paint: vendoring example.org/color \"\" -> \"v1.4.0\" via paint > color",
            "paint: language-version example.org/color \"\" -> \"1.22\" via paint > color",
        ],
    );
}

#[test]
fn only_files_for_the_platform_are_compiled() {
    check(
        "build-tags",
        |repo| {
            repo.edit("system_windows.go")
                .edit("system_other.go")
                .edit("edition_pro.go")
                .edit("tune_arm64.go")
                .edit("ignored.go")
        },
        [],
    );
    check(
        "build-tags",
        |repo| repo.edit("system_linux.go").edit("edition.go"),
        ["tags: go-file edition.go modified via tags", "tags: go-file system_linux.go modified via tags"],
    );
    check(
        "build-tags",
        |repo| repo.replace("ignored.go", "//go:build ignore\n\n", ""),
        ["tags: go-file ignored.go modified via tags"],
    );
}

#[test]
fn each_platform_has_its_own_files() {
    check(
        "configured",
        |repo| repo.edit("internal/tuning/tuning_arm64.go"),
        ["api: go-file internal/tuning/tuning_arm64.go modified on linux/arm64 via api > tuning"],
    );
    check("configured", |repo| repo.edit("cmd/jobs/size.go"), []);
    check(
        "configured",
        |repo| repo.edit("cmd/jobs/size_batch.go"),
        ["jobs: go-file cmd/jobs/size_batch.go modified via jobs"],
    );
}

#[test]
fn c_assembly_and_all_that_they_include_are_inputs() {
    check(
        "cgo-and-assembly",
        |repo| repo.edit("add/add_amd64.s").edit("add/offsets.h"),
        [
            "sum: source-file add/add_amd64.s modified via sum > add",
            "sum: source-file add/offsets.h modified via sum > add",
        ],
    );
    check(
        "cgo-and-assembly",
        |repo| repo.edit("twice/twice.c").edit("twice/twice.h").edit("twice/tables/factor.inc"),
        [
            "twice: source-file twice/twice.c modified via twice > twice",
            "twice: source-file twice/twice.h modified via twice > twice",
            "twice: c-include twice/tables/factor.inc modified via twice > twice",
        ],
    );
    check("cgo-and-assembly", |repo| repo.edit("add/add_arm64.s").edit("add/add_generic.go"), []);
}

#[test]
fn without_a_setting_cgo_may_be_on_or_off() {
    check(
        "cgo-and-assembly",
        |repo| repo.edit("twice/twice_nocgo.go"),
        ["twice: go-file twice/twice_nocgo.go modified via twice > twice"],
    );
    check(
        "cgo-and-assembly",
        |repo| repo.edit("twice/twice.go"),
        ["twice: go-file twice/twice.go modified via twice > twice"],
    );
}

#[test]
fn a_profile_beside_the_program_is_an_input() {
    check(
        "single-module",
        |repo| repo.write("cmd/api/default.pgo", "profile"),
        ["api: pgo-profile cmd/api/default.pgo added"],
    );
}

#[test]
fn an_image_is_made_of_its_dockerfile_and_what_it_copies() {
    check(
        "workspace",
        |repo| repo.edit("services/cart/Dockerfile"),
        ["cart: dockerfile services/cart/Dockerfile modified"],
    );
    check(
        "workspace",
        |repo| repo.edit("services/storefront/static/shop.css"),
        ["storefront: context-file services/storefront/static/shop.css modified"],
    );
    check(
        "workspace",
        |repo| repo.write("services/storefront/static/new.css", ""),
        ["storefront: context-file services/storefront/static/new.css added"],
    );
    check(
        "workspace",
        |repo| repo.edit(".dockerignore"),
        [
            "auth: dockerignore .dockerignore modified",
            "cart: dockerignore .dockerignore modified",
            "catalog: dockerignore .dockerignore modified",
            "mailer: dockerignore .dockerignore modified",
            "storefront: dockerignore .dockerignore modified",
        ],
    );
}

#[test]
fn a_service_without_go_is_made_of_its_context() {
    check(
        "dockerfile-only",
        |repo| repo.edit("site/nginx.conf").write("site/public/new.html", ""),
        ["site: context-file site/nginx.conf modified", "site: context-file site/public/new.html added"],
    );
    check("dockerfile-only", |repo| repo.edit("brand/logo.svg"), ["site: declared-input brand/logo.svg modified"]);
    check("dockerfile-only", |repo| repo.edit("site/drafts/next.html").edit("brand/notes.txt").edit("README.md"), []);
}

#[test]
fn the_executable_bit_counts_where_a_file_is_copied() {
    check(
        "configured",
        |repo| repo.set_executable("scripts/entrypoint.sh", false),
        ["api: context-file scripts/entrypoint.sh modified"],
    );
    check("configured", |repo| repo.set_executable("cmd/api/main.go", true), []);
}

#[test]
fn declared_inputs_are_those_of_their_service_and_global_ones_of_all() {
    check(
        "configured",
        |repo| repo.write("configs/api/more/new.yaml", "a: 1\n").write("configs/jobs/x.yaml", ""),
        ["api: declared-input configs/api/more/new.yaml added"],
    );
    check(
        "configured",
        |repo| repo.edit("build/settings.mk"),
        [
            "api: image-dependency base",
            "api: global-input build/settings.mk modified",
            "base: global-input build/settings.mk modified",
            "jobs: global-input build/settings.mk modified",
        ],
    );
}

#[test]
fn an_image_that_starts_from_another_follows_it() {
    check(
        "configured",
        |repo| repo.edit("images/base/certs/example.crt"),
        ["api: image-dependency base", "base: context-file images/base/certs/example.crt modified"],
    );
}

#[test]
fn the_configuration_of_a_service_is_an_input_of_it() {
    check(
        "configured",
        |repo| repo.replace("build-plan.toml", "build-tags = [\"batch\"]", "build-tags = [\"batch\", \"more\"]"),
        [
            "jobs: build-flags targets \"linux/amd64 tags=batch cgo=off; linux/arm64 tags=batch cgo=off (go.mod)\" -> \"linux/amd64 tags=batch possible-tags=more cgo=off; linux/arm64 tags=batch possible-tags=more cgo=off (go.mod)\"",
        ],
    );
    check("configured", |repo| repo.replace("build-plan.toml", "weight = 3", "weight = 4"), []);
    check("configured", |repo| repo.replace("build-plan.toml", "\"{branch}\"", "\"latest\""), []);
    check(
        "configured",
        |repo| {
            repo.write(
                "build-plan.toml",
                repo.read("build-plan.toml") + "\n[services.jobs.image.build-args]\nLEVEL = \"2\"\n",
            )
        },
        ["jobs: service-config image.build-args.LEVEL \"\" -> \"2\""],
    );
    check(
        "configured",
        |repo| repo.replace("build-plan.toml", "\"linux/amd64\", ", ""),
        [
            "api: build-flags targets \"linux/amd64 cgo=off; linux/arm64 cgo=off (go.mod)\" -> \"linux/arm64 cgo=off (go.mod)\"",
            "jobs: build-flags targets \"linux/amd64 tags=batch cgo=off; linux/arm64 tags=batch cgo=off (go.mod)\" -> \"linux/arm64 tags=batch cgo=off (go.mod)\"",
        ],
    );
}

#[test]
fn services_come_and_go() {
    check(
        "single-module",
        |repo| repo.write("cmd/fresh/main.go", "package main\n\nfunc main() {}\n"),
        ["fresh: new-service"],
    );
    check("single-module", |repo| repo.remove("cmd/worker"), ["removed: worker"]);
    check(
        "single-module",
        |repo| repo.rename("cmd/worker", "cmd/cleaner"),
        ["cleaner: new-service", "removed: worker"],
    );
}

#[test]
fn a_program_that_becomes_a_library_is_a_removed_service() {
    check(
        "single-module",
        |repo| repo.replace("cmd/worker/main.go", "package main", "package worker"),
        ["removed: worker"],
    );
}

#[test]
fn a_first_dockerfile_decides_what_the_services_are() {
    check(
        "single-module",
        |repo| repo.write("cmd/api/Dockerfile", "FROM scratch\n"),
        [
            "api: dockerfile cmd/api/Dockerfile added",
            "api: service-config image.context \"\" -> \".\"",
            "removed: worker",
        ],
    );
}

#[test]
fn what_cannot_be_known_is_always_built() {
    check(
        "missing-package",
        |repo| repo,
        [
            "client: unknown \"\" -> \"`example.com/missing/gen/api` should be in gen/api, which has no Go files (is it generated?), imported by example.com/missing/cmd/client\"",
        ],
    );
    check(
        "replace-outside",
        |repo| repo,
        [
            "far: unknown \"\" -> \"example.com/elsewhere is replaced by ../elsewhere, outside the repository, imported by example.com/inside/cmd/far\"",
        ],
    );
}

#[test]
fn packages_that_go_refuses_are_inputs_all_the_same() {
    check("cycle", |repo| repo.edit("b/b.go"), ["cycle: go-file b/b.go modified via cycle > a > b"]);
    check("syntax-error", |repo| repo.edit("lib/lib.go"), ["syntax: go-file lib/lib.go modified via syntax > lib"]);
}

#[test]
fn without_a_base_everything_is_built() {
    let repo = Sandbox::copy_of("single-module");
    let plan = repo.plan(["--all"]);
    assert_eq!(plan.story(), ["api: missing-base", "worker: missing-base"]);
    assert_eq!((plan.0["base"].is_null(), &plan.0["changed_files"]), (true, &serde_json::json!([])));
}

#[test]
fn force_builds_what_was_asked_for_and_still_says_what_changed() {
    let repo = Sandbox::copy_of("single-module");
    assert_eq!(repo.plan(["--base", "HEAD", "--force", "api"]).story(), ["api: forced"]);
    repo.edit("cmd/api/main.go");
    let plan = repo.plan(["--base", "HEAD", "--force"]);
    let expected = ["api: forced", "api: go-file cmd/api/main.go modified via api", "worker: forced"];
    assert_eq!(plan.story(), expected);
}

#[test]
fn selection_is_by_name_by_filter_and_by_exclusion() {
    let repo = Sandbox::copy_of("workspace");
    let built = |arguments: &[&str]| {
        let plan = repo.plan(["--all"].iter().chain(arguments).copied());
        plan.built().join(" ")
    };
    assert_eq!(built(&["cart", "auth"]), "auth cart");
    assert_eq!(built(&["--filter", "ca*"]), "cart catalog");
    assert_eq!(built(&["-F", "services/mailer/**", "-F", "auth"]), "auth mailer");
    assert_eq!(built(&["--exclude", "ca*", "--exclude", "auth"]), "mailer storefront");
    assert_eq!(built(&["--filter", "ca*", "--exclude", "cart"]), "catalog");
    assert_eq!(built(&["--filter", "nothing"]), "");
}

#[test]
fn services_left_out_are_listed_as_filtered() {
    let repo = Sandbox::copy_of("single-module");
    let plan = repo.plan(["--all", "api"]);
    let worker = plan.service("worker");
    assert_eq!((&worker["decision"], &worker["reasons"][0]["kind"]), (&"skip".into(), &"filtered".into()));
    assert_eq!(plan.0["summary"], serde_json::json!({"services": 2, "build": 1, "skip": 1}));
}

#[test]
fn the_exit_code_says_whether_there_is_something_to_build_if_asked() {
    let repo = Sandbox::copy_of("single-module");
    let code = |arguments: &[&str]| repo.run(["plan", "--base", "HEAD"].iter().chain(arguments).copied()).code;
    assert_eq!((code(&[]), code(&["--exit-code"])), (0, 0));
    repo.edit("cmd/api/main.go");
    assert_eq!((code(&[]), code(&["--exit-code"])), (0, 1));
    assert_eq!((code(&["--exit-code", "worker"]), code(&["--exit-code", "api"])), (0, 1));
    let packages = |arguments: &[&str]| repo.run(["packages", "--base", "HEAD"].iter().chain(arguments).copied()).code;
    assert_eq!((packages(&[]), packages(&["--exit-code"]), packages(&["--exit-code", "--tests"])), (0, 1, 0));
}

#[test]
fn quiet_prints_the_names_of_what_is_built() {
    let repo = Sandbox::copy_of("workspace");
    repo.edit("libs/money/money.go");
    assert_eq!(repo.run(["plan", "-q", "--base", "HEAD"]).success(), "cart\ncatalog\nstorefront\n");
    assert_eq!(repo.run(["plan", "-q", "--base", "HEAD", "auth"]).success(), "");
}

#[test]
fn an_image_that_others_start_from_is_built_before_them() {
    let repo = Sandbox::copy_of("configured");
    assert_eq!(repo.plan(["--all"]).steps(), ["base/build", "jobs/build", "api/build base/build"]);
    // Without that it would start from what was there before.
    assert_eq!(repo.plan(["--all", "api"]).steps(), ["base/build", "api/build base/build"]);
    assert_eq!(repo.plan(["--all", "base"]).steps(), ["base/build"]);
    assert_eq!(
        repo.plan(["--all", "api", "base", "--push"]).steps(),
        ["base/build", "base/push base/build", "api/build base/push", "api/push api/build"]
    );
}

#[test]
fn a_configured_toolchain_stands_for_the_one_in_go_mod() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("build-plan.toml", "[go]\ntoolchain = \"1.25.1\"\n").commit("toolchain");
    assert_eq!(
        repo.plan([]).story(),
        [
            "api: build-flags targets \"linux/amd64 (go.mod)\" -> \"linux/amd64 toolchain=1.25 (go.mod)\"",
            "api: toolchain toolchain \"\" -> \"1.25.1\"",
            "worker: build-flags targets \"linux/amd64 (go.mod)\" -> \"linux/amd64 toolchain=1.25 (go.mod)\"",
            "worker: toolchain toolchain \"\" -> \"1.25.1\""
        ]
    );
    repo.write("go.mod", repo.read("go.mod") + "\ntoolchain go1.25.3\n").commit("go.mod");
    assert_eq!(repo.plan([]).story(), [""; 0]);
}

#[test]
fn a_build_plan_toml_that_appears_is_a_change_like_any_other() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("build-plan.toml", "[services.api]\npackage = \"cmd/api\"\n").commit("only api");
    assert_eq!(repo.plan([]).story(), ["removed: worker"]);
    repo.write("build-plan.toml", "[services.api]\npackage = \"cmd/worker\"\n").commit("another program");
    let story = repo.plan([]).story();
    assert!(story.contains(&"api: service-config package \"cmd/api\" -> \"cmd/worker\"".to_owned()), "{story:#?}");
}

#[test]
fn a_configuration_from_the_command_line_counts_for_base_and_head() {
    let repo = Sandbox::copy_of("single-module");
    let file = repo.beside("plan.toml");
    std::fs::write(&file, "[services.cleaner]\npackage = \"cmd/worker\"\ninputs = [\"README.md\"]\n").unwrap();
    repo.edit("README.md");
    let plan = repo.plan(["--base", "HEAD", "--config", file.to_str().unwrap()]);
    assert_eq!(plan.story(), ["cleaner: declared-input README.md modified"]);
}

#[test]
fn a_base_whose_configuration_does_not_parse_is_a_missing_base() {
    let repo = Sandbox::copy_of("single-module");
    repo.write("build-plan.toml", "[image\n").commit("broken").remove("build-plan.toml").commit("mended");
    let plan = repo.plan([]);
    assert_eq!(plan.story(), ["api: missing-base", "worker: missing-base"]);
    assert!(plan.note_kinds().contains(&"missing-base"), "{:?}", plan.note_kinds());
}

#[test]
fn a_base_whose_go_mod_is_refused_is_a_missing_base() {
    let repo = Sandbox::copy_of("broken-go-mod");
    repo.write("go.mod", "module example.com/broken\n").commit("mended");
    let plan = repo.plan([]);
    assert_eq!(plan.story(), ["broken: missing-base"]);
    assert!(plan.note_kinds().contains(&"missing-base"), "{:?}", plan.note_kinds());
}

#[test]
fn a_generated_package_that_appears_makes_its_service_known() {
    let repo = Sandbox::copy_of("missing-package");
    repo.write("gen/api/api.go", "package api\n\nfunc Call() {}\n").commit("generated");
    assert_eq!(repo.plan([]).built(), ["client"]);
    repo.commit("nothing");
    assert_eq!(repo.plan([]).built(), [""; 0]);
    assert_eq!(repo.plan(["--all"]).fingerprint("client").len(), 64);
}

#[test]
fn unknown_services_have_no_fingerprint_and_no_tag() {
    let plan = Sandbox::copy_of("missing-package").plan(["--base", "HEAD"]);
    let client = plan.service("client");
    assert!(client["fingerprint"].is_null());
    assert_eq!(client["image"]["tags"], serde_json::json!([]));
    assert!(plan.note_kinds().contains(&"unresolved-import"), "{:?}", plan.note_kinds());
}

#[test]
fn the_value_of_a_named_environment_variable_is_in_the_fingerprint_but_in_no_comparison() {
    let repo = Sandbox::copy_of("configured");
    let plan =
        |value: &str| Plan::of(repo.program().args(["plan", "-o", "json", "--base", "HEAD"]).env("API_EDITION", value));
    let (free, pro) = (plan("free"), plan("pro"));
    assert_ne!(free.fingerprint("api"), pro.fingerprint("api"));
    assert_eq!(free.fingerprint("jobs"), pro.fingerprint("jobs"));
    assert_eq!((free.built(), pro.built()), (vec![], vec![]));
    assert!(!pro.0.to_string().contains("\"pro\""), "the value itself is shown");
}

#[test]
fn affected_packages_are_those_that_change_and_all_that_import_them() {
    let repo = Sandbox::copy_of("single-module");
    repo.edit("internal/store/store.go");
    let packages = |arguments: &[&str]| {
        let text = repo.run(["packages", "--base", "HEAD"].iter().chain(arguments).copied()).success();
        text.lines().map(|line| line.replace("example.com/notes/", "")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(packages(&[]), "cmd/api cmd/worker internal/clean internal/store");
    assert_eq!(packages(&["--tests"]), "internal/store");
    repo.git(["checkout", "--quiet", "."]);
    repo.edit("internal/testkit/testkit.go");
    assert_eq!(packages(&[]), "internal/testkit");
    assert_eq!(packages(&["--tests"]), "internal/store");
    repo.git(["checkout", "--quiet", "."]);
    repo.edit("internal/store/store_test.go");
    assert_eq!(packages(&[]), "");
    assert_eq!(packages(&["--tests"]), "internal/store");
}

#[test]
fn services_that_come_or_go_do_not_affect_the_packages_that_they_use() {
    let repo = Sandbox::copy_of("workspace");
    repo.remove("services/mailer").replace("go.work", "\t./services/mailer\n", "").commit("removed");
    assert_eq!(repo.run(["packages"]).success(), "");
    let added = repo.run(["packages", "--base", "HEAD", "--head", "HEAD~1", "--no-merge-base"]).success();
    assert_eq!(added, "example.com/shop/services/mailer/cmd/mailer\n");
}
