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

/// `On` where environments are clones, or will be: for versions that were published with it, unless the operator or the
/// version's own code keeps them from it.
pub(super) fn shown(function: &Function, optimized: bool) -> SnapStartResponse {
    SnapStartResponse {
        apply_on: Some(match function.settings.snap_start {
            SnapStart::None => SnapStartApplyOn::None,
            SnapStart::PublishedVersions => SnapStartApplyOn::PublishedVersions,
        }),
        optimization_status: Some(if optimized {
            SnapStartOptimizationStatus::On
        } else {
            SnapStartOptimizationStatus::Off
        }),
    }
}
