//! The runtimes of the machine that the tests run on, which has Python and Node.js.

use super::*;

fn runtimes(allow_nearest: bool) -> (tempfile::TempDir, Runtimes) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        allow_nearest,
        dir: dir.path().to_path_buf(),
        ..Config::default()
    };
    let runtimes = Runtimes::discover(config).unwrap();
    (dir, runtimes)
}

fn python(runtimes: &Runtimes) -> Runtime {
    let list = runtimes.list();
    list.iter()
        .find(|one| one.runtime.to_string().starts_with("python"))
        .unwrap()
        .runtime
}

#[test]
fn the_interpreter_stands_at_var_lang() {
    let (_dir, runtimes) = runtimes(false);
    let runtime = python(&runtimes);
    let launch = runtimes.launch(runtime, 128).unwrap();
    assert_eq!(launch.argv[0], format!("/var/lang/bin/{runtime}"));
    assert_eq!(launch.nearest_note, None);
    for bind in &launch.root.binds {
        assert!(bind.source.exists(), "{}", bind.source.display());
    }
    assert!(
        launch
            .env
            .contains(&("AWS_EXECUTION_ENV".into(), format!("AWS_Lambda_{runtime}")))
    );
}

#[test]
fn a_missing_version_is_named_with_its_remedy_or_replaced_and_told() {
    let future = Runtime::Python { minor: 200 };
    let (_dir, strict) = runtimes(false);
    let refusal = strict.launch(future, 128).unwrap_err().to_string();
    assert!(
        refusal.contains("python3.200 is not installed") && refusal.contains("install"),
        "{refusal}"
    );
    let (_dir, lenient) = runtimes(true);
    let launch = lenient.launch(future, 128).unwrap();
    assert!(
        launch
            .nearest_note
            .unwrap()
            .contains("python3.200 is not installed")
    );
}

#[test]
fn an_sdk_counts_once_it_is_whole() {
    let (dir, runtimes) = runtimes(false);
    let tree = dir.path().join("sdk/python");
    std::fs::create_dir_all(&tree).unwrap();
    let shown = || runtimes.launch(python(&runtimes), 128).unwrap().root.binds;
    let uses_tree =
        |binds: Vec<lambkin_sandbox::Bind>| binds.iter().any(|bind| bind.source == tree);
    assert!(!uses_tree(shown()));
    std::fs::write(tree.join(".complete"), "").unwrap();
    assert!(uses_tree(shown()));
}

#[test]
fn a_wrong_entry_of_the_settings_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |name: &str, path: &str| {
        let configured = vec![(name.to_owned(), PathBuf::from(path))];
        let config = Config {
            configured,
            dir: dir.path().to_path_buf(),
            ..Config::default()
        };
        Runtimes::discover(config).err().unwrap().to_string()
    };
    assert!(entry("python3.12", "/bin/true").contains("/bin/true is no Python"));
    assert!(entry("cobol", "/bin/true").contains("cobol"));
}
