// SPDX-License-Identifier: BSD-2-Clause
//! Output as text, or as JSON or XML, byte for byte as libxo(3) writes them.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Style {
    #[default]
    Text,
    Json,
    Xml,
}

/// The format selected with `--libxo`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Form {
    style: Style,
    pretty: bool,
}

impl Form {
    /// Removes the `--libxo` options from the arguments; `None` if one is invalid.
    pub fn take(words: &mut Vec<OsString>) -> Option<Form> {
        let mut form = Form::default();
        let mut kept = Vec::with_capacity(words.len());
        let mut all = words.drain(..);
        while let Some(word) = all.next() {
            let Some(rest) = word.to_str().and_then(|word| word.strip_prefix("--libxo")) else {
                kept.push(word);
                continue;
            };
            if let Some(letters) = rest.strip_prefix(':') {
                letters.chars().try_for_each(|letter| form.letter(letter))?;
            } else {
                let list = match rest.strip_prefix('=') {
                    Some(list) => list.to_owned(),
                    None if rest.is_empty() => all.next()?.into_string().ok()?,
                    None => return None,
                };
                list.split(',').try_for_each(|name| form.name(name))?;
            }
        }
        drop(all);
        *words = kept;
        Some(form)
    }

    fn letter(&mut self, letter: char) -> Option<()> {
        match letter {
            'J' => self.style = Style::Json,
            'P' => self.pretty = true,
            'T' => self.style = Style::Text,
            'X' => self.style = Style::Xml,
            _ => return None,
        }
        Some(())
    }

    fn name(&mut self, name: &str) -> Option<()> {
        self.letter(match name {
            "json" => 'J',
            "pretty" => 'P',
            "text" => 'T',
            "xml" => 'X',
            _ => return None,
        })
    }
}

/// A value in JSON or XML.
pub enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Count(u64),
    Truth(bool),
    /// A formatted number.
    Decimal(String),
}

macro_rules! values {
    ($($type:ty => $kind:ident,)*) => {
        $(impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                Value::$kind(value.into())
            }
        })*
    };
}
values!(u8 => Count, u16 => Count, u32 => Count, u64 => Count, i64 => Number, bool => Truth,);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.pad(text),
            Value::Number(n) => n.fmt(f),
            Value::Count(n) => n.fmt(f),
            Value::Truth(truth) => truth.fmt(f),
            Value::Decimal(digits) => f.pad(digits),
        }
    }
}

/// Standard output. If the reader of a pipe is gone, the program ends as by SIGPIPE.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        gone(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        gone(io::stdout().flush())
    }
}

fn gone<T>(result: io::Result<T>) -> io::Result<T> {
    if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        std::process::exit(128 + 13);
    }
    result
}

/// The writer. JSON and XML consist of names and values, text consists of words.
pub struct Xo<W> {
    to: W,
    style: Style,
    pretty: bool,
    /// For each open level: whether it has any contents.
    open: Vec<bool>,
    error: Option<io::Error>,
}

impl<W: Write> Xo<W> {
    pub fn new(to: W, form: Form) -> Self {
        Xo { to, style: form.style, pretty: form.pretty, open: vec![false], error: None }
    }

    /// Whether the output is text.
    pub fn is_text(&self) -> bool {
        self.style == Style::Text
    }

    /// Writes `text`; the first error is kept for `finish`.
    fn put(&mut self, text: impl Display) {
        if let Err(error) = write!(self.to, "{text}") {
            self.error.get_or_insert(error);
        }
    }

    fn indent(&mut self, depth: usize) {
        if self.pretty {
            self.put(format_args!("{:1$}", "", 2 * depth));
        }
    }

    fn line(&mut self) {
        if self.pretty {
            self.put('\n');
        }
    }

    /// Writes what separates the next item from the one before it.
    fn separate(&mut self, apart: bool) {
        let depth = self.open.len();
        let again = self.open.last_mut().is_some_and(|filled| std::mem::replace(filled, true));
        if self.style == Style::Json && again {
            self.put(if self.pretty {
                ",\n"
            } else if apart {
                ", "
            } else {
                ","
            });
        }
        self.indent(if self.style == Style::Json { depth } else { depth.saturating_sub(1) });
    }

    fn enter(&mut self, opening: impl Display) {
        self.separate(true);
        self.put(opening);
        self.line();
        self.open.push(false);
    }

    fn leave(&mut self, name: &str, json: char) {
        let filled = self.open.pop().unwrap_or(false);
        let depth = self.open.len();
        if self.style == Style::Json {
            // After an empty list, the output is at the start of a line already.
            if filled || json == '}' {
                self.line();
            }
            self.indent(depth);
            self.put(json);
        } else {
            self.indent(depth.saturating_sub(1));
            self.put(format_args!("</{name}>"));
            self.line();
        }
    }

    /// Opens the container of the whole document.
    pub fn begin(&mut self, name: &str, version: &str) {
        match self.style {
            Style::Text => {}
            Style::Json => {
                self.put('{');
                self.line();
                self.indent(1);
                self.put(format_args!("\"__version\": \"{version}\", "));
                self.line();
                self.enter(format_args!("\"{name}\": {{"));
            }
            Style::Xml => self.enter(format_args!("<{name} version=\"{version}\">")),
        }
    }

    /// Closes the document; returns the first error of any write.
    pub fn finish(&mut self, name: &str) -> io::Result<()> {
        self.close_instance(name);
        if self.style == Style::Json {
            self.line();
            self.put("}\n");
        }
        self.flush();
        self.error.take().map_or(Ok(()), Err)
    }

    pub fn flush(&mut self) {
        if let Err(error) = self.to.flush() {
            self.error.get_or_insert(error);
        }
    }

    /// Opens a list. XML has no element for it, only for its instances.
    pub fn open_list(&mut self, name: &str) {
        if self.style == Style::Json {
            self.enter(format_args!("\"{name}\": ["));
        }
    }

    pub fn close_list(&mut self, name: &str) {
        if self.style == Style::Json {
            self.leave(name, ']');
        }
    }

    pub fn open_instance(&mut self, name: &str) {
        match self.style {
            Style::Text => {}
            Style::Json => self.enter('{'),
            Style::Xml => self.enter(format_args!("<{name}>")),
        }
    }

    pub fn close_instance(&mut self, name: &str) {
        if self.style != Style::Text {
            self.leave(name, '}');
        }
    }

    /// Writes words to text only.
    pub fn words(&mut self, text: impl Display) -> &mut Self {
        if self.style == Style::Text {
            self.put(text);
        }
        self
    }

    /// Writes a value to text, JSON and XML.
    pub fn value<'a>(&mut self, name: &str, value: impl Into<Value<'a>>) -> &mut Self {
        let value = value.into();
        self.words(&value).hidden(name, value)
    }

    /// Writes a value to JSON and XML, and in another form to text.
    pub fn shown<'a>(
        &mut self,
        name: &str,
        text: impl Display,
        value: impl Into<Value<'a>>,
    ) -> &mut Self {
        self.words(text).hidden(name, value)
    }

    /// Writes a value to JSON and XML only.
    pub fn hidden<'a>(&mut self, name: &str, value: impl Into<Value<'a>>) -> &mut Self {
        if self.style == Style::Text {
            return self;
        }
        let value = value.into();
        self.separate(false);
        if self.style == Style::Xml {
            self.put(format_args!("<{name}>"));
        } else {
            self.put(format_args!("\"{name}\":{}", if self.pretty { " " } else { "" }));
        }
        match value {
            Value::Text(text) if self.style == Style::Json => {
                self.put('"');
                self.escape(text);
                self.put('"');
            }
            Value::Text(text) => self.escape(text),
            other => self.put(other),
        }
        if self.style == Style::Xml {
            self.put(format_args!("</{name}>"));
            self.line();
        }
        self
    }

    fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match (self.style, letter) {
                (Style::Json, '"' | '\\') => self.put(format_args!("\\{letter}")),
                (Style::Json, '\n') => self.put("\\n"),
                (Style::Json, '\r') => self.put("\\r"),
                (Style::Json, '\0'..' ') => self.put(format_args!("\\u{:04x}", u32::from(letter))),
                (Style::Xml, '<') => self.put("&lt;"),
                (Style::Xml, '>') => self.put("&gt;"),
                (Style::Xml, '&') => self.put("&amp;"),
                _ => self.put(letter),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(words: &[&str]) -> Option<(Form, Vec<OsString>)> {
        let mut words = words.iter().map(OsString::from).collect();
        Form::take(&mut words).map(|form| (form, words))
    }

    /// The output for a table of two rows and an empty list.
    fn written(options: &str) -> String {
        let (form, _) = form(&["--libxo", options]).unwrap_or_default();
        let mut bytes = Vec::new();
        let mut out = Xo::new(&mut bytes, form);
        out.begin("top", "1");
        out.words("NAME SIZE\n").open_list("row");
        for (name, size) in [("a", 1u64), ("<b\\\">", 2)] {
            out.open_instance("row");
            out.value("name", name).words(' ').shown("size", format_args!("{size:>4}"), size);
            out.hidden("odd", size % 2 == 1).words('\n').close_instance("row");
        }
        out.close_list("row");
        out.open_list("none");
        out.close_list("none");
        out.hidden("time", Value::Decimal("1.50".to_owned()));
        assert!(out.finish("top").is_ok());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn people_get_words_and_no_names() {
        assert_eq!(written("text"), "NAME SIZE\na    1\n<b\\\">    2\n");
    }

    #[test]
    fn json_has_the_blanks_of_libxo() {
        assert_eq!(
            written("json"),
            r#"{"__version": "1", "top": {"row": [{"name":"a","size":1,"odd":true}, "#.to_owned()
                + r#"{"name":"<b\\\">","size":2,"odd":false}], "none": [],"time":1.50}}"#
                + "\n"
        );
        let lines = [
            "{",
            "  \"__version\": \"1\", ",
            "  \"top\": {",
            "    \"row\": [",
            "      {",
            "        \"name\": \"a\",",
            "        \"size\": 1,",
            "        \"odd\": true",
            "      },",
        ];
        let pretty = written("json,pretty");
        assert_eq!(pretty.lines().take(lines.len()).collect::<Vec<_>>(), lines);
        assert!(pretty.ends_with("],\n    \"none\": [\n    ],\n    \"time\": 1.50\n  }\n}\n"));
    }

    #[test]
    fn xml_has_no_lists_and_no_last_line() {
        assert_eq!(
            written("xml"),
            "<top version=\"1\"><row><name>a</name><size>1</size><odd>true</odd></row>\
             <row><name>&lt;b\\\"&gt;</name><size>2</size><odd>false</odd></row>\
             <time>1.50</time></top>"
        );
        assert!(written("xml,pretty").starts_with("<top version=\"1\">\n  <row>\n    <name>a"));
    }

    #[test]
    fn forms_are_given_by_name_or_letter() {
        let json = Form { style: Style::Json, pretty: true };
        for words in [
            &["--libxo", "json,pretty", "list"][..],
            &["--libxo:JP", "list"],
            &["list", "--libxo=pretty,json"],
        ] {
            assert_eq!(form(words), Some((json, vec!["list".into()])), "{words:?}");
        }
        assert_eq!(form(&["list"]), Some((Form::default(), vec!["list".into()])));
        for words in [
            &["--libxo"][..],
            &["--libxo", "nonsense"],
            &["--libxo:Q"],
            &["--libxox"],
            &["--libxo", ""],
        ] {
            assert_eq!(form(words), None, "{words:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_told_at_the_end() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Xo::new(Full, Form::default());
        out.begin("top", "1");
        out.words("lost");
        assert!(out.finish("top").is_err());
    }
}
