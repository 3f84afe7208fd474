/* SPDX-License-Identifier: MIT
 *
 * `diff`: two texts that may be tables, compared both ways. A table does not differ from itself, and what is only in the one is only
 * in the other when they change places.
 *
 *     options, a record separator (0x1e), A, a record separator, B;   options: lines "NAME VALUE"
 */
#include "table.h"
#include "fuzz.h"

#include <stdlib.h>
#include <tcpautopsy/diff.h>

enum { SEPARATOR = 0x1e };

static struct fuzz_bytes take_section(struct fuzz_bytes *in)
{
    const uint8_t *end = in->left ? memchr(in->at, SEPARATOR, in->left) : NULL;
    struct fuzz_bytes section = fuzz_take(in, end ? (size_t)(end - in->at) : in->left);

    fuzz_u8(in);
    return section;
}

static void set_options(struct tca_diff *diff, const struct fuzz_bytes *section)
{
    char *text = calloc(1, section->left + 1);
    struct tca_error error;

    FUZZ_REQUIRE(text, "no memory");
    if (section->left)
        memcpy(text, section->at, section->left);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *space = strchr(line, ' ');
        if (!space || !strncmp(line, "temp-dir", 8))
            continue;
        *space = '\0';
        tca_diff_set(diff, line, space + 1, &error);
    }
    free(text);
}

static int compare(const struct fuzz_bytes *options, const struct fuzz_file *a, const struct fuzz_file *b,
                   struct tca_diff_counts *ret)
{
    struct tca_diff *diff = tca_diff_new();
    struct tca_buf out = {0};
    struct tca_error error = {0};

    FUZZ_REQUIRE(diff, "no memory");
    set_options(diff, options);
    int code = tca_diff_run(diff, a->path, b->path, write_to_buf, &out, ret, &error);
    FUZZ_REQUIRE(code || (out.used > 0) == tca_diff_found(ret), "%zu bytes of differences", out.used);
    FUZZ_REQUIRE(!code || error.text[0], "%d without words", code);
    tca_diff_free(diff);
    tca_buf_done(&out);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count}, options = take_section(&in), one = take_section(&in);
    struct tca_diff_counts forth, back, same;
    struct fuzz_file a, b;

    fuzz_file_make(&a, one.at, one.left);
    fuzz_file_make(&b, in.at, in.left);
    int code = compare(&options, &a, &b, &forth), turned = compare(&options, &b, &a, &back);
    FUZZ_REQUIRE(!code == !turned, "one way %d, the other way %d", code, turned);
    if (!code) {
        FUZZ_REQUIRE(forth.only_a == back.only_b && forth.only_b == back.only_a &&
                         forth.equal == back.equal && forth.differ == back.differ &&
                         forth.columns == back.columns,
                     "only in A %llu, in B %llu; turned %llu, %llu", (unsigned long long)forth.only_a,
                     (unsigned long long)forth.only_b, (unsigned long long)back.only_a,
                     (unsigned long long)back.only_b);
    }
    if (!compare(&options, &a, &a, &same))
        FUZZ_REQUIRE(!tca_diff_found(&same), "a table differs from itself");
    fuzz_file_done(&a);
    fuzz_file_done(&b);
    return 0;
}
