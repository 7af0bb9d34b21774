//! The Maven repository: jar, sources, docs and POM, and projects in Kotlin and in Java that know
//! nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{GLIBC, TRIPLE, bytes, mib, package};
use crate::kotlin::{PLACE, assemble, maven, sources};
use crate::{Outcome, copy, done, said, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the jar is to weigh.
const GOAL_BYTES: u64 = 7 * 1024 * 1024;

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>consumer</groupId>
  <artifactId>LANGUAGE</artifactId>
  <version>1</version>
  <properties>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
    <maven.compiler.release>17</maven.compiler.release>
    <kotlin.compiler.jvmTarget>17</kotlin.compiler.jvmTarget>
    <kotlin.compiler.daemon>false</kotlin.compiler.daemon>
  </properties>
  <repositories>
    <repository>
      <id>dist</id>
      <url>file://REPOSITORY</url>
    </repository>
  </repositories>
  <dependencies>
    <dependency>
      <groupId>com.casehug</groupId>
      <artifactId>casehug-clio</artifactId>
      <version>VERSION</version>
    </dependency>
  </dependencies>
  <build>
    <sourceDirectory>src</sourceDirectory>
    <plugins>
      PLUGIN
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-compiler-plugin</artifactId>
        <version>3.14.1</version>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-resources-plugin</artifactId>
        <version>3.3.1</version>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
"#;
const PLUGIN: &str = "<plugin>
        <groupId>org.jetbrains.kotlin</groupId>
        <artifactId>kotlin-maven-plugin</artifactId>
        <version>2.2.21</version>
        <extensions>true</extensions>
      </plugin>";

const KOTLIN: &str = r#"import com.casehug.clio.Actor
import com.casehug.clio.AuthException
import com.casehug.clio.Code
import com.casehug.clio.Config
import com.casehug.clio.Role
import com.casehug.clio.Sdk
import com.casehug.clio.VERSION
import com.casehug.clio.types.EventBody

fun told(event: EventBody): String = when (event) {
    is EventBody.RunFinished -> "${event.matter} ${event.status}"
    else -> ""
}

suspend fun main() {
    val config = Config(clientId = "a", clientSecret = "b", clio = "us", database = "sqlite:consumer.db",
        sealingKey = "00".repeat(31) + "01", sealingKeyId = "k1", intakeFolder = ".")
    Sdk.open(config).use { sdk ->
        val firm = sdk.firm(Actor("usr_1", "firm_1", Role.ADMIN))
        check(firm.connection.get() == null)
        val code = try {
            firm.settings.reloadPracticeAreas().toString()
        } catch (apart: AuthException) {
            apart.code
        }
        check(code == Code.NOT_CONNECTED) { code }
    }
    println(VERSION)
}
"#;
const JAVA: &str = r#"import com.casehug.clio.Actor;
import com.casehug.clio.AuthException;
import com.casehug.clio.BlockingSdk;
import com.casehug.clio.Code;
import com.casehug.clio.Config;
import com.casehug.clio.Role;
import com.casehug.clio.VersionKt;

public final class Program {
    public static void main(String[] arguments) {
        Config config = new Config.Builder("a", "b", "us").database("sqlite:consumer.db")
                .sealingKey("k1", "00".repeat(31) + "01").intakeFolder(".").build();
        try (BlockingSdk sdk = BlockingSdk.open(config)) {
            sdk.firm(new Actor("usr_1", "firm_1", Role.ADMIN)).settings().reloadPracticeAreas();
        } catch (AuthException apart) {
            if (apart.getCode().equals(Code.NOT_CONNECTED)) {
                System.out.println(VersionKt.VERSION);
            }
        }
    }
}
"#;

pub(super) fn dist() -> Outcome {
    let wrong = |error: std::io::Error| error.to_string();
    let folder = target().join("dist/kotlin");
    let (project, repository) = (folder.join("project"), folder.join("repository"));
    let library = package(assemble, "jar", &project, PLACE)?;
    for made in [&repository, &folder.join("consumers")] {
        if made.exists() {
            fs::remove_dir_all(made).map_err(wrong)?;
        }
    }
    let to = format!("-DaltDeploymentRepository=dist::file://{}", repository.display());
    let goals = ["-Dmaven.test.skip=true", &to, "package", "source:jar-no-fork", "dokka:javadocJar", "deploy:deploy"];
    maven(&project, &goals)?;
    forget()?;
    for (language, name, program, plugin, main) in
        [("kotlin", "Program.kt", KOTLIN, PLUGIN, "ProgramKt"), ("java", "Program.java", JAVA, "", "Program")]
    {
        let consumer = folder.join("consumers").join(language);
        fs::create_dir_all(consumer.join("src")).map_err(wrong)?;
        let pom = POM.replace("LANGUAGE", language).replace("PLUGIN", plugin).replace("VERSION", VERSION);
        let pom = pom.replace("REPOSITORY", &repository.display().to_string());
        fs::write(consumer.join("pom.xml"), pom).map_err(wrong)?;
        fs::write(consumer.join("src").join(name), program).map_err(wrong)?;
        if language == "kotlin" {
            // For `cargo xtask large` and `bench kotlin`.
            copy(&sources().join("bench"), &consumer.join("src/bench"), &[]).map_err(wrong)?;
        }
        use_it(&consumer, main)?;
    }
    forget()?;
    weigh(&repository.join("com/casehug/casehug-clio").join(VERSION), &library)
}

/// Takes this version of the artifact out of Maven's own copies: one of an earlier build would be
/// taken for it.
fn forget() -> Outcome {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let known = home.join(".m2/repository/com/casehug/casehug-clio").join(VERSION);
    if known.exists() { fs::remove_dir_all(known).map_err(|error| error.to_string()) } else { Ok(()) }
}

/// A project that finds the artifact in the repository alone, and runs.
fn use_it(consumer: &Path, main: &str) -> Outcome {
    let mut build = Command::new("mvn");
    build.args(["--batch-mode", "--no-transfer-progress", "--quiet", "compile", "dependency:copy-dependencies"]);
    done(build.arg("-DoutputDirectory=target/jars").current_dir(consumer))?;
    let mut run = Command::new("java");
    run.args(["-cp", "target/classes:target/jars/*", main]).current_dir(consumer);
    let said = said(&mut run)?;
    if said.trim() != VERSION {
        return Err(format!("{}: {said:?}", consumer.display()));
    }
    println!("{}: runs", consumer.display());
    Ok(())
}

fn weigh(artifact: &Path, library: &Path) -> Outcome {
    for end in ["-sources.jar", "-javadoc.jar", ".pom"] {
        let part = artifact.join(format!("casehug-clio-{VERSION}{end}"));
        println!("{}: {:.2} MiB", part.display(), mib(bytes(&part)?));
    }
    let jar = artifact.join(format!("casehug-clio-{VERSION}.jar"));
    let weight = bytes(&jar)?;
    println!(
        "{}: {:.2} MiB (goal: {:.0}), with a library of {:.2} MiB for {TRIPLE}, glibc {GLIBC}",
        jar.display(),
        mib(weight),
        mib(GOAL_BYTES),
        mib(bytes(library)?)
    );
    if weight > GOAL_BYTES { Err(String::from("the jar is too large")) } else { Ok(()) }
}
