//! A start as a picture: a bar for each part and each module at its time, as SVG that needs nothing else.

use std::fmt::Write;

use lambkin_wire::admin::StartLine;

use super::parts::{Part, ms, parts, percent};
use super::text::in_order;

const WIDTH: u64 = 1_000;
const ROW: u64 = 22;
const TOP: u64 = 64;
/// Where bars begin, and their room.
const LEFT: u64 = 270;
const ROOM: u64 = 600;
/// Where names begin, and what a character of one takes.
const MARGIN: u64 = 16;
const CHARACTER: u64 = 8;

pub(super) fn drawn(function: &str, start: &StartLine) -> String {
    let bars = bars(start);
    let height = TOP + ROW * bars.len() as u64 + 24;
    let title = format!(
        "{function}: {} start of {} ms",
        start.start,
        ms(start.total_us)
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"{MARGIN}\" y=\"28\" font-size=\"17\" font-weight=\"600\">{}</text>\n",
        escaped(&title)
    );
    let bottom = height - 20;
    for tenth in [0, 5, 10] {
        let x = LEFT + ROOM * tenth / 10;
        let at = ms(start.total_us * tenth / 10);
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{x}\" y=\"{}\" fill=\"#888\" text-anchor=\"middle\" font-size=\"11\">{at} ms</text>",
            TOP - 8
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        bar.draw(&mut svg, TOP + ROW * row as u64, start.total_us);
    }
    svg + "</svg>\n"
}

/// One line of the picture.
struct Bar {
    name: String,
    indent: u64,
    from_us: u64,
    us: u64,
    color: &'static str,
}

impl Bar {
    fn draw(&self, svg: &mut String, y: u64, whole_us: u64) {
        let x = |us: u64| us as f64 * ROOM as f64 / whole_us.max(1) as f64;
        let characters = (LEFT - MARGIN - self.indent) / CHARACTER;
        let name: String = self.name.chars().take(characters as usize).collect();
        let (from, width) = (LEFT as f64 + x(self.from_us), x(self.us).max(1.0));
        let share = percent(self.us, whole_us);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\">{}</text><rect x=\"{from:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"2\" fill=\"{}\"><title>{}: {} ms</title></rect><text x=\"{:.1}\" y=\"{}\" fill=\"#555\" font-size=\"11\">{} ms, {share:.0} %</text>",
            MARGIN + self.indent,
            y + 15,
            escaped(&name),
            y + 3,
            ROW - 6,
            self.color,
            escaped(&self.name),
            ms(self.us),
            from + width + 5.0,
            y + 15,
            ms(self.us),
        );
    }
}

/// Parts one after the other; below the imports the modules, each where it began.
fn bars(start: &StartLine) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut from_us = 0;
    for (part, us) in parts(start) {
        let color = color(part);
        bars.push(Bar {
            name: part.name().to_owned(),
            indent: 0,
            from_us,
            us,
            color,
        });
        if part == Part::Imports {
            bars.extend(modules(start, from_us));
        }
        from_us += us;
    }
    bars
}

/// Modules load each other, so that their bars reach into the handler's own part.
fn modules(start: &StartLine, load_began_us: u64) -> impl Iterator<Item = Bar> {
    let modules = start.program.as_ref().map_or(&[][..], |told| &told.modules);
    in_order(modules).into_iter().map(move |module| Bar {
        name: module.name.clone(),
        indent: 12 * (1 + u64::from(module.depth.min(8))),
        from_us: load_began_us + module.start_us,
        us: module.total_us,
        color: "#f4b183",
    })
}

fn color(part: Part) -> &'static str {
    match part {
        Part::Queue | Part::Code => "#a5a5a5",
        Part::Sandbox | Part::Mounts => "#70ad47",
        Part::FailedInit => "#c00000",
        Part::Program | Part::Restore | Part::Interpreter | Part::Bootstrap => "#5b9bd5",
        Part::Imports => "#ed7d31",
        Part::Init => "#ffc000",
        Part::Handler => "#7030a0",
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::testing::start;
    use super::*;

    #[test]
    fn each_part_and_module_has_a_bar_and_names_cannot_break_out() {
        let mut start = start();
        if let Some(program) = &mut start.program {
            program.modules[3].name = "</text><script>&\"".into();
        }
        let svg = drawn("f", &start);
        assert_eq!(svg.matches("<rect ").count(), 1 + 9 + 4);
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;") && !svg.contains("<script"));
        // The imports begin after 20 ms of 400, and take three quarters.
        assert!(
            svg.contains("<rect x=\"300.0\" y=\"199\" width=\"450.0\""),
            "{svg}"
        );
        assert!(svg.ends_with("</svg>\n"));
    }
}
