#!/bin/sh
# JNA 5.19.1 (Maven Central), Java 17, cc. A native thread calls Java three times. Its initializer
# says that the thread stays attached until it ends.
# Expected: one and the same Java thread for all three, or an error where the initializer comes too
# late.
# Seen: three threads, one after the other, if the callback had been handed over before.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > pom.xml <<'XML'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>try</groupId><artifactId>try</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>net.java.dev.jna</groupId><artifactId>jna</artifactId><version>5.19.1</version></dependency>
  </dependencies>
</project>
XML
mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=jars >/dev/null
cat > lib.c <<'C'
#include <pthread.h>

static void *thrice(void *callback) {
    for (int i = 0; i < 3; i++) ((void (*)(void))callback)();
    return 0;
}

void on_a_thread(void (*callback)(void)) {
    pthread_t thread;
    pthread_create(&thread, 0, thrice, (void *)callback);
    pthread_join(thread, 0);
}
C
cc -shared -fPIC -pthread -o libtry.so lib.c
cat > Try.java <<'JAVA'
import com.sun.jna.Callback;
import com.sun.jna.CallbackThreadInitializer;
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

public class Try {
    public interface Call extends Callback {
        void call();
    }

    public interface Lib extends Library {
        void on_a_thread(Call call);
    }

    static final Lib LIB = Native.load("try", Lib.class);

    static int threads(boolean isLate) {
        Set<Thread> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Call call = () -> seen.add(Thread.currentThread());
        if (isLate) LIB.on_a_thread(call);
        Native.setCallbackThreadInitializer(call, new CallbackThreadInitializer(true, false, "kept"));
        seen.clear();
        LIB.on_a_thread(call);
        return seen.size();
    }

    public static void main(String[] arguments) {
        System.out.println("set before " + threads(false) + ", set after " + threads(true));
    }
}
JAVA
javac -cp 'jars/*' Try.java
seen=$(java -Djna.library.path=. -cp '.:jars/*' Try)
echo "seen: $seen"
[ "$seen" = 'set before 1, set after 3' ]
