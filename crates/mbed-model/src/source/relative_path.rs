//! Paths that stay inside a folder.

/// Whether `path` names something below the folder that it is joined to, on every platform.
///
/// Parts are separated by `/`. Refused are an empty path, `.` and `..`, an absolute path, and the characters by
/// which Windows would leave the folder or the file: `\` and `:`.
pub(super) fn stays_inside(path: &str) -> bool {
    let clean = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    path.split('/').all(clean)
}

/// Whether `name` names something directly in the folder that it is joined to.
pub(super) fn is_name(name: &str) -> bool {
    stays_inside(name) && !name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_folder_pass() {
        let check =
            |path, inside, name| assert_eq!((stays_inside(path), is_name(path)), (inside, name), "{path}");
        check("config.json", true, true);
        check("1_Pooling/config.json", true, false);
        check("a..b/...", true, false);
        for path in
            ["", "..", ".", "../a", "a/../b", "a/./b", "/etc", "a//b", "a/", "C:/a", "a\\..\\b", "a:b", "a\0"]
        {
            check(path, false, false);
        }
    }
}
