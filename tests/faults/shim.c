/* Preloaded into the processes under test: a clock that jumps, and a disk that fills up, as a control file says.
 *
 * FAULTS_CONTROL: two int64, mapped: seconds to add to the clock; bytes that can still be written (-1: any number).
 * FAULTS_FOLDER: the folder whose files are on that disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t seconds;
    int64_t room;
};

static volatile struct control *control;
static const char *folder;

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    int file = path ? open(path, O_RDWR) : -1;
    folder = getenv("FAULTS_FOLDER");
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *result)
{
    static int (*genuine)(clockid_t, struct timespec *);
    if (!genuine)
        genuine = dlsym(RTLD_NEXT, "clock_gettime");
    int code = genuine(clock, result);
    if (!code && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        result->tv_sec += control->seconds;
    return code;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int code = clock_gettime(CLOCK_REALTIME, &now);
    result->tv_sec = now.tv_sec;
    result->tv_usec = now.tv_nsec / 1000;
    return code;
}

time_t time(time_t *result)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result)
        *result = now.tv_sec;
    return now.tv_sec;
}

static int on_the_disk(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return folder && length > 0 && !strncmp(path, folder, strlen(folder));
}

ssize_t write(int file, const void *bytes, size_t number)
{
    static ssize_t (*genuine)(int, const void *, size_t);
    if (!genuine)
        genuine = dlsym(RTLD_NEXT, "write");
    if (control && control->room >= 0 && on_the_disk(file)) {
        if (!control->room) {
            errno = ENOSPC;
            return -1;
        }
        if ((int64_t)number > control->room)
            number = control->room; /* as a real disk does: what fits is written */
        control->room -= number;
    }
    return genuine(file, bytes, number);
}
