//! Files that are written once: they are in `codegen/templates/new`, with `@name@` where something is put in.

/// A template with its values. One that stands alone in its line may be several lines, which are
/// indented as it is, or none.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        let alone = values.iter().find(|(name, _)| line.trim() == format!("@{name}@"));
        let Some((_, value)) = alone else {
            let put_in = |line: String, (name, value): &(&str, &str)| {
                line.replace(&format!("@{name}@"), value)
            };
            text += &values.iter().fold(line.to_owned(), put_in);
            text.push('\n');
            continue;
        };
        let indent = &line[..line.len() - line.trim_start().len()];
        for line in value.lines() {
            let indent = if line.is_empty() { "" } else { indent };
            text += &format!("{indent}{line}\n");
        }
    }
    text
}
