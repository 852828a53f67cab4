//! What a sandbox that is made ahead is made of: all of an environment but its function's code and variables.

use crate::environment::SHARED;
use crate::runtimes::Launch;
use lambkin_model::{Limits, Settings};
use lambkin_sandbox::{CodeTree, Lineage, Program, Root, Spec};

/// Variables that programs and their libraries read as they start: one that waits has not seen them. Whole names, or
/// how names begin.
const READ_AT_START: [&str; 13] = [
    "AWS_LAMBDA_EXEC_WRAPPER",
    "GCONV_PATH",
    "GLIBC_",
    "ICU_DATA",
    "LANG",
    "LC_",
    "LD_",
    "LOCPATH",
    "MALLOC_",
    "NODE_",
    "OPENSSL_",
    "PYTHON",
    "UV_",
];
/// What begins like one of them, and is read only when somebody asks.
const READ_LATER: &str = "NODE_ENV";

/// Equal recipes make sandboxes of which nobody can tell one from the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recipe {
    root: Root,
    memory_bytes: u64,
    tmp_bytes: u64,
    /// What is started ahead; none if the runtime cannot wait, or if the function has variables that are read first.
    program: Option<Program>,
}

impl Recipe {
    pub(crate) fn new(launch: &Launch, settings: &Settings) -> Self {
        let waits = launch.waits && !names_what_is_read_at_start(settings);
        Self {
            root: launch.root.clone(),
            memory_bytes: u64::from(settings.memory_mb) << 20,
            tmp_bytes: u64::from(settings.ephemeral_mb) << 20,
            program: waits.then(|| Program {
                argv: launch.argv.clone(),
                env: variables(launch),
                cwd: "/".to_owned(),
            }),
        }
    }

    pub(crate) fn spec(&self, code: Option<CodeTree>) -> Spec<'static> {
        Spec {
            root: self.root.clone(),
            code,
            memory_bytes: self.memory_bytes,
            tmp_bytes: self.tmp_bytes,
            processes_max: Limits::PROCESSES,
            lineage: Lineage::Alone,
        }
    }

    pub(super) fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }
}

/// Of no function.
fn variables(launch: &Launch) -> Vec<(String, String)> {
    let shared = SHARED.map(|(name, value)| (name.to_owned(), value.to_owned()));
    launch.env.iter().cloned().chain(shared).collect()
}

fn names_what_is_read_at_start(settings: &Settings) -> bool {
    let environment = settings.environment.as_ref();
    let mut names = environment
        .into_iter()
        .flat_map(|environment| environment.variables().keys());
    names
        .any(|name| name != READ_LATER && READ_AT_START.iter().any(|start| name.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn of(variables: &[(&str, &str)]) -> Recipe {
        let launch = Launch {
            root: Root::default(),
            argv: vec!["/var/lang/bin/node".into()],
            waits: true,
            env: vec![("PATH".into(), "/bin".into())],
            version: "nodejs:22".into(),
            nearest_note: None,
            compiling: None,
        };
        let own: BTreeMap<_, _> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Recipe::new(&launch, &crate::testing::function("f", own).settings)
    }

    #[test]
    fn a_function_s_variables_are_no_part_of_it() {
        let secret = of(&[
            ("SECRET", "s"),
            ("NODE_ENV", "production"),
            ("TZ", "Asia/Tokyo"),
        ]);
        assert_eq!(secret, of(&[]));
        assert!(!format!("{secret:?}").contains("SECRET"));
        assert!(secret.program().is_some());
    }

    #[test]
    fn nothing_waits_for_variables_that_are_read_at_the_start() {
        for name in [
            "NODE_OPTIONS",
            "LD_PRELOAD",
            "PYTHONHASHSEED",
            "LANG",
            "AWS_LAMBDA_EXEC_WRAPPER",
        ] {
            assert!(of(&[(name, "1")]).program().is_none(), "{name}");
        }
    }
}
