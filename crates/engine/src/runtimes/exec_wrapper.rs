//! `AWS_LAMBDA_EXEC_WRAPPER`: a program of the function's own that starts a managed runtime.

use super::Launch;
use lambkin_model::{Environment, Runtime, Settings};

const VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// A shell starts the wrapper, as on AWS: where there is none the runtime ends with status 127.
const SHELL: [&str; 4] = [
    "/bin/sh",
    "-c",
    "exec \"$AWS_LAMBDA_EXEC_WRAPPER\" \"$@\"",
    "sh",
];

impl Launch {
    /// The command of a function. Custom runtimes know no wrapper.
    pub(crate) fn command(&self, settings: &Settings) -> Vec<String> {
        let provided = matches!(
            settings.runtime,
            Runtime::ProvidedAl2 | Runtime::ProvidedAl2023
        );
        if provided || !names_wrapper(settings.environment.as_ref()) {
            return self.argv.clone();
        }
        let shell = SHELL.iter().map(|&part| part.to_owned());
        shell.chain(self.argv.iter().cloned()).collect()
    }
}

fn names_wrapper(environment: Option<&Environment>) -> bool {
    let wrapper = environment.and_then(|environment| environment.variables().get(VARIABLE));
    wrapper.is_some_and(|wrapper| !wrapper.is_empty())
}
