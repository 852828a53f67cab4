//! UpdateFunctionCode: another package for the same settings.

use super::{Error, Inner};
use bytes::Bytes;
use lambkin_model::{Function, FunctionName};
use std::sync::Arc;

/// A new package.
pub struct UpdateCode {
    /// A zip.
    pub package: Bytes,
    /// The revision that the caller believes to be the latest.
    pub revision_id: Option<String>,
    /// Check, and change nothing.
    pub dry_run: bool,
    /// Also publish a version of it, which is then what the caller gets back.
    pub publish: bool,
}

impl Inner {
    pub(super) async fn update_code(
        self: &Arc<Self>,
        name: &FunctionName,
        update: UpdateCode,
    ) -> Result<Arc<Function>, Error> {
        let _turn = self.turns.take(name).await;
        let current = self.updatable(name, update.revision_id.as_deref())?;
        let with = |code| Function {
            code,
            ..Function::clone(&current)
        };
        if update.dry_run {
            let code = self.packages.check(&update.package).await?;
            return Ok(Arc::new(with(code)));
        }
        let admitted = self.packages.admit(name, update.package).await?;
        match self
            .acknowledge(&current, with(admitted.code.clone()), update.publish)
            .await
        {
            Ok(function) => {
                self.packages.keep(admitted);
                Ok(function)
            }
            Err(error) => {
                admitted.reject(&self.store, &error).await;
                Err(error)
            }
        }
    }
}
