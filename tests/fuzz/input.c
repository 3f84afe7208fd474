/* SPDX-License-Identifier: MIT
 *
 * A file as users name it, of any format or packed in any way, read by the whole engine: with one thread and with two the same
 * is told of it.
 *
 *     { settings u8, the file }
 */
#include "fuzz.h"
#include "table.h"

#include <stdio.h>
#include <unistd.h>

static const char *const settings[4][2][9] = {
    {{"max-expanded", "1M", "jobs", "1"}, {"max-expanded", "1M", "jobs", "2"}},
    {{"max-expanded", "1M", "jobs", "1", "filter", "tcp"},
     {"max-expanded", "1M", "jobs", "2", "filter", "tcp"}},
    {{"max-expanded", "1M", "jobs", "1", "raw-text", "true"},
     {"max-expanded", "1M", "jobs", "2", "raw-text", "true", "memory", "1M"}},
    {{"max-expanded", "1M", "jobs", "1", "count", "7"}, {"max-expanded", "1M", "jobs", "2", "count", "7"}},
};

static void read_file(const struct fuzz_file *file, const char *const *setting, struct tca_buf *out)
{
    struct tca_session *session = fuzz_session(setting);
    struct tca_error error = {0};

    tca_buf_fmt(out, "%d\n", tca_session_read(session, file->path, &error));
    fuzz_tell(session, out);
    fuzz_require_sums(session);
    tca_session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t how = fuzz_u8(&in) & 3;
    struct tca_buf one = {0}, two = {0};
    struct fuzz_file file;

    fuzz_file_make(&file, in.at, in.left);
    read_file(&file, settings[how][0], &one);
    read_file(&file, settings[how][1], &two);
    fuzz_require_same(&one, &two, "two threads");
    fuzz_file_done(&file);
    tca_buf_done(&one);
    tca_buf_done(&two);
    return 0;
}
