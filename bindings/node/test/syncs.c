/* Preloaded: for each successful fsync or fdatasync, a byte at the end of the file $SYNCS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int counted(const char *name, int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(fd);
    int notes = result == 0 ? open(getenv("SYNCS"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (notes >= 0) {
        ssize_t ignored = write(notes, "s", 1);
        (void)ignored;
        close(notes);
    }
    return result;
}

int fsync(int fd)
{
    return counted("fsync", fd);
}

int fdatasync(int fd)
{
    return counted("fdatasync", fd);
}
