//! SnapStart as callers write and read it.

use lambkin_model::{Function, SnapStart};
use lambkin_wire::shapes::{
    self, SnapStartApplyOn, SnapStartOptimizationStatus, SnapStartResponse,
};

/// What a caller asks for; a structure without its member asks for nothing.
pub(super) fn asked(wanted: Option<shapes::SnapStart>) -> Option<SnapStart> {
    Some(match wanted?.apply_on? {
        SnapStartApplyOn::None => SnapStart::None,
        SnapStartApplyOn::PublishedVersions => SnapStart::PublishedVersions,
    })
}

/// `On` for versions that were published with it; never for `$LATEST`.
pub(super) fn shown(function: &Function) -> SnapStartResponse {
    SnapStartResponse {
        apply_on: Some(match function.settings.snap_start {
            SnapStart::None => SnapStartApplyOn::None,
            SnapStart::PublishedVersions => SnapStartApplyOn::PublishedVersions,
        }),
        optimization_status: Some(if function.snap_start() {
            SnapStartOptimizationStatus::On
        } else {
            SnapStartOptimizationStatus::Off
        }),
    }
}
