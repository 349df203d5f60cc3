/* Lets the n-th fsync or fdatasync of a program fail with EIO: LD_PRELOAD it and set FAIL_SYNC_AT=n. Prints the path that
   failed, and any that is synced again after it failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int calls;
static char failed[4096];

static int fails(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    if (failed[0] && !strcmp(failed, path)) fprintf(stderr, "synced again: %s\n", path);
    const char *at = getenv("FAIL_SYNC_AT");
    if (!at || __sync_add_and_fetch(&calls, 1) != atoi(at)) return 0;
    strcpy(failed, path);
    fprintf(stderr, "sync failed: %s\n", path);
    return 1;
}

int fsync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    if (fails(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
