/* SPDX-License-Identifier: MIT
 *
 * What users type: values of every setting, filters among them, then columns and selectors, of a session with one small capture.
 *
 *     lines "NAME VALUE"; a name that is no setting is a table whose columns follow, or `explain` with a selector, or `fail-on`
 */
#include "fuzz.h"
#include "table.h"

#include <stdlib.h>

#include "shape.h"

enum { LINES_MAX = 40, LINE_MAX_BYTES = 2000 };

/* Two connections and a refusal (shape.h), in the bytes that a fuzzer would use. */
static const uint8_t script[] = {0, 0x0e, 3, 0x80, 0, 0xff, 0x10, 3, 0x96, 3, 0x20, 3};

/* False where the host that was named is none of these: then there is nothing to ask for. */
static bool feed(struct tca_session *session)
{
    struct fuzz_bytes in = {script, sizeof script};
    struct tca_error error = {0};
    struct shape shape;

    shape_captures(&in, &shape);
    shape_feed(&shape, session, 0);
    int code = tca_session_finish(session, &error);
    FUZZ_REQUIRE(!code || (code == TCA_EUSAGE && error.text[0]), "finish: %d %s", code, error.text);
    shape_done(&shape);
    return !code;
}

/* A file, or a folder to write in, is not to be named by a fuzzer. */
static bool leaves_memory(const char *name, const char *value)
{
    return !strcmp(name, "temp-dir") || (!strcmp(name, "sysctl") && value[0] == '@');
}

/* Words come with every failure, and a setting that failed has changed nothing that makes a session fail. */
static void set(struct tca_settings *settings, const char *name, const char *value)
{
    struct tca_error error = {.code = 1};
    int code = leaves_memory(name, value) ? 0 : tca_settings_set(settings, name, value, &error);

    FUZZ_REQUIRE(code <= 0 && (code == 0 || (error.code == code && error.text[0] &&
                                             memchr(error.text, 0, sizeof error.text))),
                 "%s: %d without words", name, code);
}

static void ask(struct tca_session *session, const char *name, const char *value)
{
    struct tca_buf out = {0};
    struct tca_error error;
    bool found;

    if (!strcmp(name, "explain"))
        tca_session_explain(session, value, false, write_to_buf, &out, &error);
    else if (!strcmp(name, "fail-on"))
        tca_session_has_finding(session, value, &found, &error);
    else
        tca_session_csv(session, name, value, write_to_buf, &out, &error);
    tca_buf_done(&out);
}

/* Lines of one text, cut into name and value. */
struct lines {
    char *name[LINES_MAX], *value[LINES_MAX];
    size_t count;
};

static void cut_lines(char *text, struct lines *ret)
{
    ret->count = 0;
    for (char *line = strtok(text, "\n"); line && ret->count < LINES_MAX; line = strtok(NULL, "\n")) {
        char *space = strchr(line, ' ');
        if (!space || strlen(line) > LINE_MAX_BYTES)
            continue;
        *space = '\0';
        for (char *c = space + 1; *c; c++)
            *c = *c == '\x1e' ? '\n' : *c; /* sysctl takes texts of several lines */
        ret->name[ret->count] = line;
        ret->value[ret->count++] = space + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char *text = calloc(1, count + 1);
    struct tca_settings *settings = tca_settings_new();
    struct tca_session *session;
    struct tca_error error = {0};
    struct lines lines;

    FUZZ_REQUIRE(text && settings, "no memory");
    memcpy(text, bytes, count);
    cut_lines(text, &lines);
    tca_settings_set(settings, "trace", "true", &error);
    for (size_t at = 0; at < lines.count; at++)
        set(settings, lines.name[at], lines.value[at]);
    FUZZ_REQUIRE(!tca_session_open(settings, &session, &error), "%s", error.text);
    bool fed = feed(session);
    for (size_t at = 0; fed && at < lines.count; at++)
        ask(session, lines.name[at], lines.value[at]);
    tca_session_free(session);
    tca_settings_free(settings);
    free(text);
    return 0;
}
