//! Pictures as SVG.

use svg::Document;
use svg::node::element::{Rectangle, Text, Title};

use super::Picture;

impl Picture {
    /// The picture as an SVG document.
    pub fn to_svg(&self) -> String {
        let background = Rectangle::new()
            .set("width", self.width)
            .set("height", self.height)
            .set("fill", self.background.css());
        let mut document = Document::new()
            .set("viewBox", (0, 0, round(self.width), round(self.height)))
            .set("width", round(self.width))
            .set("height", round(self.height))
            .set("role", "img")
            .set("font-family", "sans-serif")
            .set("font-size", 10)
            .add(Title::new(self.description.clone()))
            .add(background);
        for rect in &self.rects {
            let mut rectangle = Rectangle::new()
                .set("x", round(rect.x))
                .set("y", round(rect.y))
                .set("width", round(rect.width))
                .set("height", round(rect.height))
                .set("fill", rect.color.css());
            if rect.opacity < 1.0 {
                rectangle = rectangle.set("fill-opacity", round(rect.opacity));
            }
            document = document.add(rectangle);
        }
        for label in &self.labels {
            let text = Text::new(label.text.clone())
                .set("x", round(label.x))
                .set("y", round(label.y + 3.5))
                .set("fill", label.color.css());
            document = document.add(text);
        }
        document.to_string()
    }
}

/// Rounds to hundredths; smaller differences are invisible.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use crate::picture::{Color, Label, Picture, Rect};

    #[test]
    fn everything_is_written_and_text_is_escaped() {
        let color = Color(0xd5, 0x5e, 0x00);
        let picture = Picture {
            width: 10.0,
            height: 5.0,
            description: "<script> & \"more\"".to_owned(),
            background: Color(255, 255, 255),
            rects: vec![Rect { x: 1.0, y: 2.005, width: 3.0, height: 1.0, color, opacity: 0.5 }],
            labels: vec![Label { x: 0.0, y: 0.0, text: "a<b".to_owned(), color }],
        };
        let text = picture.to_svg();
        assert!(text.starts_with("<svg") && text.contains("viewBox=\"0 0 10 5\""));
        assert!(text.contains("fill=\"#d55e00\"") && text.contains("fill-opacity=\"0.5\""));
        assert!(text.contains("a&lt;b") && !text.contains("<script>"), "{text}");
    }
}
