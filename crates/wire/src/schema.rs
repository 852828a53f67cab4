//! The constraint tables' own form: what a member may hold, and where it travels.

pub(crate) use crate::pattern::Pattern;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Shape {
    Structure(&'static [Member]),
    List {
        /// Of the number of elements.
        bounds: Bounds,
        element: &'static Shape,
        sensitive: bool,
    },
    Map {
        /// Of the number of entries.
        bounds: Bounds,
        key: &'static Shape,
        value: &'static Shape,
        sensitive: bool,
    },
    String {
        /// Of the length in UTF-16 units, as Java counts.
        bounds: Bounds,
        pattern: Option<Pattern>,
        sensitive: bool,
    },
    /// The values in the order in which AWS prints them.
    Enumeration(&'static [&'static str]),
    /// A runtime: any string passes, for the operation refuses unknown ones with its own error.
    Runtime,
    /// A layer's runtimes: AWS prints the violation of this one list in another form.
    Runtimes(Bounds),
    /// 32 bits.
    Integer(Bounds),
    /// 64 bits.
    Long(Bounds),
    Double(Bounds),
    Boolean,
    Timestamp,
    /// Bounds are of the decoded size in bytes.
    Blob(Bounds),
}

/// What the model's `Runtime` members hold.
pub(crate) static RUNTIME: Shape = Shape::Runtime;

/// Inclusive limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Bounds {
    pub(crate) const NONE: Self = Self {
        min: None,
        max: None,
    };
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) location: Location,
    pub(crate) required: bool,
    pub(crate) shape: &'static Shape,
}

/// Where a member of an operation's input travels. Members of nested structures are all `Body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Body,
    Label,
    Query(&'static str),
    /// In small letters.
    Header(&'static str),
    /// The whole body.
    Payload,
}

impl Member {
    pub(crate) const fn body(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            location: Location::Body,
            required: false,
            shape,
        }
    }

    pub(crate) const fn label(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            location: Location::Label,
            required: false,
            shape,
        }
    }

    pub(crate) const fn query(
        name: &'static str,
        parameter: &'static str,
        shape: &'static Shape,
    ) -> Self {
        Self {
            name,
            location: Location::Query(parameter),
            required: false,
            shape,
        }
    }

    pub(crate) const fn header(
        name: &'static str,
        header: &'static str,
        shape: &'static Shape,
    ) -> Self {
        Self {
            name,
            location: Location::Header(header),
            required: false,
            shape,
        }
    }

    pub(crate) const fn payload(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            location: Location::Payload,
            required: false,
            shape,
        }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}
