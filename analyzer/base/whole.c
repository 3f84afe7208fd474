/* SPDX-License-Identifier: MIT */
#include "base/whole.h"

#include <errno.h>
#include <unistd.h>

ssize_t tca_read_at(int file, void *bytes, size_t count, uint64_t at)
{
    size_t got = 0;
    while (got < count) {
        ssize_t more = pread(file, (uint8_t *)bytes + got, count - got, (off_t)(at + got));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (!more)
            break;
        got += (size_t)more;
    }
    return (ssize_t)got;
}

int tca_write_at(int file, const void *bytes, size_t count, uint64_t at)
{
    for (size_t done = 0; done < count;) {
        ssize_t more = pwrite(file, (const uint8_t *)bytes + done, count - done, (off_t)(at + done));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0) {
            errno = more ? errno : ENOSPC;
            return -1;
        }
        done += (size_t)more;
    }
    return 0;
}
