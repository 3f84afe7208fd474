/* SPDX-License-Identifier: MIT
 *
 * A target without a fuzzer: every file that is named, and every file in a folder that is named, goes through it once.
 *
 *     decode CORPUS...      TAP, one line for each file; a broken promise, or an input that takes too long, ends the program there,
 *                           behind words that name the file
 */
#include "fuzz.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "files.h"

/* Seconds of CPU time for one input of a few KiB, which takes a tenth of one where sanitizers watch. */
enum { SECONDS = 10 };

static unsigned number;

static void replay_file(const char *path)
{
    struct tca_buf bytes = {0};

    if (!file_read(path, &bytes))
        fuzz_fail("%s: cannot be read", path);
    fprintf(stderr, "# %s\n", path); /* before it, since nothing comes after a crash */
    clock_t begin = clock();
    LLVMFuzzerTestOneInput((const uint8_t *)(bytes.bytes ? bytes.bytes : ""), bytes.used);
    FUZZ_REQUIRE(clock() - begin < SECONDS * CLOCKS_PER_SEC, "%s: too slow", path);
    printf("ok %u - %s\n", ++number, path);
    fflush(stdout);
    tca_buf_done(&bytes);
}

static void replay_folder(const char *folder)
{
    struct names files = {0};
    char path[1000];

    if (!names_list(folder, &files))
        fuzz_fail("%s: cannot be read", folder);
    for (size_t at = 0; at < files.count; at++) {
        snprintf(path, sizeof path, "%s/%s", folder, files.name[at]);
        replay_file(path);
    }
    names_done(&files);
}

int main(int count, char **name)
{
    struct stat st;

    for (int at = 1; at < count; at++) {
        if (stat(name[at], &st) == 0 && S_ISDIR(st.st_mode))
            replay_folder(name[at]);
        else
            replay_file(name[at]);
    }
    if (!number)
        fuzz_fail("no file was replayed"); /* an empty corpus shows nothing */
    printf("1..%u\n", number);
    return 0;
}
