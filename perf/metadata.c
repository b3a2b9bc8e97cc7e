/* Counts the calls that look up or change names below SCALE_PREFIX, and makes each take SCALE_MICROSECONDS more, as a
   file system on a network does. Each process appends "NAME COUNT" lines to SCALE_COUNTS when it ends.
   Built and preloaded by perf/scale.py. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, STAT, LIST, RENAME, LINK, UNLINK, MKDIR, SYNC, KINDS };
static const char *names[KINDS] = {"open", "stat", "list", "rename", "link", "unlink", "mkdir", "fsync"};
static long counts[KINDS];

static void met(int kind, const char *path) {
    const char *prefix = getenv("SCALE_PREFIX"), *pause = getenv("SCALE_MICROSECONDS");
    if (prefix == NULL || path == NULL || strncmp(path, prefix, strlen(prefix)) != 0) return;
    __atomic_add_fetch(&counts[kind], 1, __ATOMIC_RELAXED);
    long microseconds = pause ? atol(pause) : 0;
    if (microseconds > 0) {
        struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
        nanosleep(&time, NULL);
    }
}

static void forget(void) { memset(counts, 0, sizeof counts); } /* a forked child counts its own */
__attribute__((constructor)) static void begin(void) { extern int pthread_atfork(void (*)(void), void (*)(void), void (*)(void)); pthread_atfork(NULL, NULL, forget); }

static void tell(void) {
    const char *target = getenv("SCALE_COUNTS");
    FILE *file = target ? fopen(target, "a") : NULL;
    if (file == NULL) return;
    for (int kind = 0; kind < KINDS; kind++) fprintf(file, "%s %ld\n", names[kind], counts[kind]);
    fclose(file);
}
__attribute__((destructor)) static void end(void) { tell(); }
void _exit(int code) { tell(); ((void (*)(int))dlsym(RTLD_NEXT, "_exit"))(code); __builtin_unreachable(); }

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define OPENER(name)                                                                    \
    int name(const char *path, int flags, ...) {                                        \
        REAL(name);                                                                     \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        met(OPEN, path);                                                                \
        return real(path, flags, mode);                                                 \
    }
OPENER(open)
OPENER(open64)
#define STATTER(name, type)                                                             \
    int name(const char *path, struct type *found) { REAL(name); met(STAT, path); return real(path, found); }
STATTER(stat, stat)
STATTER(lstat, stat)
STATTER(stat64, stat64)
STATTER(lstat64, stat64)
int fstatat(int at, const char *path, struct stat *found, int flags) { REAL(fstatat); met(STAT, path); return real(at, path, found, flags); }
int fstatat64(int at, const char *path, struct stat64 *found, int flags) { REAL(fstatat64); met(STAT, path); return real(at, path, found, flags); }
int access(const char *path, int mode) { REAL(access); met(STAT, path); return real(path, mode); }
DIR *opendir(const char *path) { REAL(opendir); met(LIST, path); return real(path); }
int rename(const char *from, const char *to) { REAL(rename); met(RENAME, from); return real(from, to); }
int link(const char *from, const char *to) { REAL(link); met(LINK, from); return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { REAL(linkat); met(LINK, from); return real(a, from, b, to, flags); }
int unlink(const char *path) { REAL(unlink); met(UNLINK, path); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); met(MKDIR, path); return real(path, mode); }
int fsync(int descriptor) { REAL(fsync); const char *prefix = getenv("SCALE_PREFIX"); met(SYNC, prefix); return real(descriptor); }
