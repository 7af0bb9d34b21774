//! The Kotlin package: putting it together around the library, and its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist::{TRIPLE, licences};
use crate::uniffi::{LIBRARY, for_tests, module};
use crate::{Outcome, copy, done, root, said, skipped, target};

/// Where JNA looks for the library in a jar.
pub(crate) const PLACE: &str = "src/main/resources/linux-x86-64";
/// Where the licences are.
const LICENCES: &str = "src/main/resources/META-INF/casehug-clio";

pub(crate) fn sources() -> PathBuf {
    root().join("bindings/kotlin")
}

/// The gate's step.
pub(crate) fn check() -> Outcome {
    if let Err(reason) = is_there() {
        let needs = "JDK 17 and Maven are needed";
        return skipped(&format!("{needs}; the Kotlin package was NOT tested: {reason}"));
    }
    crate::test::build()?;
    let project = target().join("gate/kotlin");
    assemble(&for_tests(), &project)?;
    maven(&project, &["test"])?;
    let tests = ran(&project.join("target/surefire-reports")).map_err(|error| error.to_string())?;
    println!("{tests} tests passed");
    if tests == 0 { Err(String::from("no test ran")) } else { Ok(()) }
}

/// How many tests the reports tell of: Maven itself is quiet.
fn ran(reports: &Path) -> std::io::Result<u32> {
    let mut tests = 0;
    for entry in fs::read_dir(reports)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "xml") {
            let report = fs::read_to_string(path)?;
            let count = report.split(" tests=\"").nth(1).and_then(|rest| rest.split('"').next());
            tests += count.and_then(|count| count.parse::<u32>().ok()).unwrap_or_default();
        }
    }
    Ok(tests)
}

/// Puts the project together in this folder: its sources, the library, and UniFFI's module over it.
pub(crate) fn assemble(library: &Path, folder: &Path) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(wrong)?;
    }
    copy(&sources(), folder, &["target"]).map_err(wrong)?;
    let place = folder.join(PLACE);
    fs::create_dir_all(&place).map_err(wrong)?;
    fs::copy(library, place.join(LIBRARY)).map_err(wrong)?;
    licences::lay("casehug-clio-uniffi", TRIPLE, &folder.join(LICENCES))?;
    module("kotlin", &folder.join("src/main/kotlin"))
}

/// Runs Maven in a project that was put together: with what it fetched before, or else from its
/// registry. To deploy, even into a folder, it has to be online. What it fetched is not here but
/// with the user, and may be gone: a run that lacks something, and ran no test, is done again,
/// online.
pub(crate) fn maven(project: &Path, arguments: &[&str]) -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    let wanted = fs::read_to_string(project.join("pom.xml")).map_err(wrong)? + &arguments.join(" ");
    let mark = target().join("maven").join(project.file_name().unwrap_or_default());
    let is_fetched = fs::read_to_string(&mark).is_ok_and(|known| known == wanted) && !wanted.ends_with("deploy");
    let with = |offline: &[&str]| {
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--no-transfer-progress", "--quiet"]).args(offline).current_dir(project);
        maven.arg(format!("-Dprograms={}", target().join("debug").display()));
        maven.arg(format!("-Droot={}", root().display()));
        if std::env::var_os("MAVEN_OPTS").is_none() {
            // It ends before what the second compiler makes is worth its time: 107 s of the
            // processors for `mvn test-compile` from nothing, and 170 s with it.
            maven.env("MAVEN_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1");
        }
        maven.args(arguments);
        maven
    };
    if is_fetched {
        match said(&mut with(&["--offline"])) {
            Err(told) if is_gone(&told) && !project.join("target/surefire-reports").exists() => {}
            ended => return ended.map(|told| print!("{told}")),
        }
    }
    done(&mut with(&[]))?;
    fs::create_dir_all(mark.parent().unwrap_or(project)).map_err(wrong)?;
    fs::write(&mark, wanted).map_err(wrong)
}

/// Whether Maven, offline, lacks what it had fetched.
fn is_gone(told: &str) -> bool {
    told.contains(" in offline mode")
}

/// Whether there are a compiler of Java's, 17 or newer, and Maven.
fn is_there() -> Outcome {
    let told = Command::new("javac").arg("-version").output().map_err(|error| format!("javac: {error}"))?;
    let version = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).trim().to_owned();
    let major = version.split(['.', ' ']).nth(1).and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 17) {
        return Err(format!("{version}, where JDK 17 or newer is needed"));
    }
    said(Command::new("mvn").arg("--version")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_is_fetched_again() {
        assert!(is_gone(
            "[ERROR] Plugin org.jetbrains.kotlin:kotlin-maven-plugin:2.2.0 or one of its dependencies could not be resolved:\n\
             [ERROR] \tCannot access central (https://repo.maven.apache.org/maven2) in offline mode and the artifact \
             org.jetbrains.kotlin:kotlin-maven-plugin:pom:2.2.0 has not been downloaded from it before."
        ));
        assert!(!is_gone("[ERROR] Ids.kt:7:23 Unresolved reference 'ids'.\n[ERROR] Compilation failure"));
    }

    #[test]
    fn the_package_has_the_workspace_s_version() {
        let pom = fs::read_to_string(sources().join("pom.xml")).unwrap();
        assert!(pom.contains(&format!("<version>{}</version>\n  <name>", env!("CARGO_PKG_VERSION"))));
    }
}
