/* SPDX-License-Identifier: MIT
 *
 * Files as users name them, of any format or packed in any way, read by the whole engine, one alone or two that may be a series: with
 * one thread and with two the same is told of them. Or a capture of our own, whole and in pieces (split.h).
 *
 *     { how u8, [cut u16,] the file }     how: settings; whether its lengths are mended (mend.c); whether it is cut in two there, and the
 *                                         second one gets the head of the first
 *     { how u8, what split.h takes }
 */
#include "fuzz.h"
#include "shape.h"
#include "split.h"
#include "table.h"

#include <tcpautopsy/plan.h>

enum { SETTINGS = 3, CUT = 4, WITH_HEAD = 8, AS_ONE = 16, OWN = 32, MEND = 64, HEAD_LEN = 24 };

static const char *const settings[SETTINGS + 1][2][9] = {
    {{"max-expanded", "1M", "jobs", "1"}, {"max-expanded", "1M", "jobs", "2"}},
    {{"max-expanded", "1M", "jobs", "1", "filter", "tcp"},
     {"max-expanded", "1M", "jobs", "2", "filter", "tcp"}},
    {{"max-expanded", "1M", "jobs", "1", "raw-text", "true"},
     {"max-expanded", "1M", "jobs", "2", "raw-text", "true", "memory", "1M"}},
    {{"max-expanded", "1M", "jobs", "1", "count", "7"}, {"max-expanded", "1M", "jobs", "2", "count", "7"}},
};

/* What is wrong with single captures is told by their rows. */
static void ignore(void *user, const char *capture, int code, const struct tca_error *error)
{
    (void)user;
    (void)capture;
    FUZZ_REQUIRE(!code || error->text[0], "%d without words", code);
}

static void read_plan(const struct tca_plan *plan, const char *const *setting, struct tca_buf *out)
{
    struct tca_session *session = fuzz_session(setting);

    for (size_t at = 0; at < tca_plan_items(plan); at++)
        FUZZ_REQUIRE(!tca_session_read_item(session, plan, at, ignore, NULL), "item %zu", at);
    fuzz_tell(session, out);
    fuzz_require_sums(session);
    tca_session_free(session);
}

/* Descriptors' names differ by their numbers, so that any two may be a series. */
static struct tca_plan *plan_files(const struct fuzz_file *file, size_t count, bool as_one)
{
    const struct tca_plan_settings set = {.series = as_one ? "one" : "auto", .max_expanded = 1 << 20};
    struct tca_inputs *inputs;
    struct tca_plan *plan = NULL;
    struct tca_error error = {0};

    FUZZ_REQUIRE(!tca_inputs_new(&inputs), "no memory");
    for (size_t at = 0; at < count; at++)
        FUZZ_REQUIRE(!tca_inputs_add(inputs, file[at].path, false, &error), "%s", error.text);
    int code = tca_plan_new(inputs, &set, &plan, &error);
    FUZZ_REQUIRE(!code || (as_one && code == TCA_EUSAGE && error.text[0]), "plan: %d %s", code, error.text);
    tca_inputs_free(inputs);
    return code ? NULL : plan;
}

/* A copy of the bytes, in which lengths fit. */
static void mend(struct fuzz_bytes *in, struct tca_buf *copy)
{
    tca_buf_add(copy, in->at, in->left);
    FUZZ_REQUIRE(!copy->failed, "no memory for a file");
    if (copy->used)
        shape_mend_file((uint8_t *)copy->bytes, copy->used);
    *in = (struct fuzz_bytes){(const uint8_t *)copy->bytes, copy->used};
}

static void cut_in_two(struct fuzz_bytes *in, uint16_t cut, bool with_head, struct fuzz_file file[2])
{
    const uint8_t *head = in->at;
    struct fuzz_bytes first = fuzz_take(in, cut);
    struct tca_buf second = {0};

    if (with_head)
        tca_buf_add(&second, head, first.left < HEAD_LEN ? first.left : HEAD_LEN);
    tca_buf_add(&second, in->at, in->left);
    fuzz_file_make(&file[0], first.at, first.left);
    fuzz_file_make(&file[1], second.bytes, second.used);
    tca_buf_done(&second);
}

static size_t make_files(struct fuzz_bytes *in, uint8_t how, struct fuzz_file file[2])
{
    uint16_t cut = how & CUT ? fuzz_u16(in) : 0;
    struct tca_buf copy = {0};

    if (how & MEND)
        mend(in, &copy);
    if (how & CUT)
        cut_in_two(in, cut, how & WITH_HEAD, file);
    else
        fuzz_file_make(&file[0], in->at, in->left);
    tca_buf_done(&copy);
    return how & CUT ? 2 : 1;
}

static void try_files(struct fuzz_bytes *in, uint8_t how)
{
    struct tca_buf one = {0}, two = {0};
    struct fuzz_file file[2];
    size_t files = make_files(in, how, file);
    struct tca_plan *plan = plan_files(file, files, how & AS_ONE);

    if (plan) {
        read_plan(plan, settings[how & SETTINGS][0], &one);
        read_plan(plan, settings[how & SETTINGS][1], &two);
        fuzz_require_same(&one, &two, "two threads");
    }
    tca_plan_free(plan);
    while (files--)
        fuzz_file_done(&file[files]);
    tca_buf_done(&one);
    tca_buf_done(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t how = fuzz_u8(&in);

    if (how & OWN)
        fuzz_split(&in, how & 1);
    else
        try_files(&in, how);
    return 0;
}
