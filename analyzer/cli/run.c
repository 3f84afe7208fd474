/* SPDX-License-Identifier: MIT
 *
 * Reading captures and handing out what was asked for.
 *
 *     check outputs -> settings -> session -> read each capture -> finish -> write -> exit status
 *
 * A capture that cannot be read is told and the others go on. The first SIGINT or SIGTERM stops reading
 * between two packets: what was read is judged and written whole; the second one ends the program.
 */
#include "run.h"

#include "output.h"
#include "say.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/inputs.h>
#include <tcpautopsy/registry.h>
#include <tcpautopsy/session.h>
#include <time.h>
#include <unistd.h>

/* A signal handler has no argument: the one place where the program keeps state outside its functions. */
static struct tca_session *volatile interrupted_session;
static volatile sig_atomic_t caught;

struct run {
    const struct request *req;
    int argc;
    char **argv;
    struct tca_session *session;
    size_t unreadable; /* captures not read to their end by a fault */
    bool anything;     /* at least one was read in part */
};

/* ---- signals ---- */

static void on_signal(int number)
{
    caught = number;
    if (interrupted_session)
        tca_session_interrupt(interrupted_session);
}

static void catch_signals(struct tca_session *session)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    interrupted_session = session;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static enum exit_code exit_for(int code)
{
    switch (code) {
    case TCA_EUSAGE:
        return EXIT_USAGE;
    case TCA_EINPUT:
    case TCA_EUNSUPPORTED:
        return EXIT_INPUT;
    default:
        return EXIT_OUTPUT;
    }
}

/* ---- lists and directories ---- */

static void say_passed_over(const struct request *req)
{
    const char *first;
    unsigned long long count = tca_inputs_passed_over(req->inputs, &first);
    if (count && !request_has(req, OPTION_quiet))
        say("%llu file%s no capture%s and passed over, the first is %s", count, count == 1 ? " is" : "s are",
            count == 1 ? "" : "s", first);
}

/* What the names stand for. */
static int open_inputs(struct request *req)
{
    struct tca_error error = {.offset = -1};
    int code = tca_inputs_new(&req->inputs);
    for (size_t i = 0; i < req->capture_count && !code; i++)
        if ((code = tca_inputs_add(req->inputs, req->capture[i], request_has(req, OPTION_recursive), &error)))
            say_error(NULL, &error);
    if (code && !error.text[0])
        say("memory is out: close other programs");
    if (code)
        return code;
    size_t count = tca_inputs_count(req->inputs);
    const char **capture = calloc(count + 1, sizeof *capture);
    if (!capture) {
        say("memory is out: close other programs");
        return TCA_EMEMORY;
    }
    for (size_t i = 0; i < count; i++)
        capture[i] = tca_inputs_at(req->inputs, i);
    free(req->capture);
    req->capture = capture;
    req->capture_count = count;
    say_passed_over(req);
    return 0;
}

/* ---- before reading ---- */

static bool is_stdin(const char *name)
{
    return strcmp(name, "-") == 0;
}

static const char *name_of(const char *capture)
{
    return is_stdin(capture) ? "standard input" : capture;
}

/* `option` names it to people. */
static bool overwrites_input(const struct request *req, const char *path, const char *option)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    for (size_t i = 0; i < req->capture_count; i++) {
        if (!is_stdin(req->capture[i]) && output_same_file(path, req->capture[i])) {
            say("%s: would overwrite an input: choose another name for %s", path, option);
            return true;
        }
    }
    return false;
}

static bool word_known(const char *option, const char *value, const char *const *known)
{
    struct nearest near = nearest_to(value);
    for (; *known; known++) {
        if (strcmp(value, *known) == 0)
            return true;
        nearest_offer(&near, *known);
    }
    say("--%s: '%s' is not known here: %s%s", option, value, near.best ? "did you mean " : "see --help",
        near.best ? near.best : "");
    return false;
}

/* A pipe, or anything else that gives its bytes once. */
static bool is_stream(const char *name)
{
    struct stat st;
    return is_stdin(name) || (stat(name, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

/* -w reads the captures again, and writes beside -o. */
static bool check_write(const struct request *req, const char *output)
{
    const char *path = request_value(req, OPTION_write, NULL);
    if (!path)
        return true;
    for (size_t i = 0; i < req->capture_count; i++) {
        if (is_stream(req->capture[i])) {
            say("%s: can be read once, and -w reads twice: save it as a file and name that",
                name_of(req->capture[i]));
            return false;
        }
    }
    if (is_stdin(path))
        return true;
    if (output && !is_stdin(output) && output_same_place(path, output)) {
        say("%s: named by -w and by -o: choose another name for one of them", path);
        return false;
    }
    return !overwrites_input(req, path, "-w");
}

static bool check_request(const struct request *req)
{
    static const char *const colors[] = {"auto", "always", "never", NULL}, *const texts[] = {"text", NULL},
                             *const censuses[] = {"csv", "ss", "nstat", NULL};
    bool states = req->command == COMMAND_states;
    const char *path = request_value(req, OPTION_output, NULL);
    size_t from_stdin = 0;
    for (size_t i = 0; i < req->capture_count; i++)
        from_stdin += is_stdin(req->capture[i]);
    if (!req->capture_count)
        say("no capture given: name a file, or - for standard input");
    else if (from_stdin > 1)
        say("standard input can be read once: name '-' once");
    else if (req->command == COMMAND_report && (!path || is_stdin(path)))
        say("report needs a directory: -o DIR");
    else if (states && request_has(req, OPTION_at) &&
             strcmp(request_value(req, OPTION_format, "ss"), "ss") != 0)
        say("--at tells one moment: with --format ss");
    else
        return word_known("color", request_value(req, OPTION_color, "auto"), colors) &&
               word_known("format", request_value(req, OPTION_format, states ? "csv" : "text"),
                          states ? censuses : texts) &&
               (!path || is_stdin(path) || !overwrites_input(req, path, "-o")) && check_write(req, path);
    return false;
}

static int set_option(struct tca_settings *set, const char *name, const char *value)
{
    struct tca_error error = {.offset = -1};
    int r = tca_settings_set(set, name, value, &error);
    if (r != 0)
        say_error(NULL, &error);
    return r;
}

/* states prints its table, or what a command of the host would have printed. */
static const char *text_wanted(const struct request *req)
{
    const char *format = request_value(req, OPTION_format, request_has(req, OPTION_at) ? "ss" : "csv");
    return req->command == COMMAND_states && strcmp(format, "csv") != 0 ? format : NULL;
}

static int apply_options(const struct request *req, struct tca_settings *set)
{
    const char *text = text_wanted(req);
    bool traced = req->command == COMMAND_explain || (text && strcmp(text, "ss") == 0);
    int r = req->filter ? set_option(set, "filter", req->filter) : 0;
    if (r == 0 && traced)
        r = set_option(set, "trace", "true");
    for (size_t i = 0; i < req->given_count && r == 0; i++) {
        const struct option_info *info = &option_table[req->given[i].option];
        if (info->kind == KIND_SETTING)
            r = set_option(set, info->name, req->given[i].value);
        else if (info->kind == KIND_SWITCH)
            r = set_option(set, info->name, "true");
    }
    return r;
}

/* What sysctl files held besides settings of ours. */
static void say_left_aside(const struct request *req, const struct tca_settings *set)
{
    unsigned long long ignored = tca_settings_ignored(set), unread = tca_settings_unread(set);
    if (ignored && request_has(req, OPTION_verbose))
        say("--sysctl: %llu settings change nothing that is told and were left aside", ignored);
    if (unread && !request_has(req, OPTION_quiet))
        say("--sysctl: %llu line%s no KEY = NUMBER and %s skipped", unread, unread == 1 ? " is" : "s are",
            unread == 1 ? "was" : "were");
}

static int open_session(struct run *run)
{
    struct tca_settings *set = tca_settings_new();
    if (!set) {
        say("memory is out: close other programs");
        return TCA_EMEMORY;
    }
    struct tca_error error = {.offset = -1};
    int r = apply_options(run->req, set);
    if (r == 0) {
        say_left_aside(run->req, set);
        r = tca_session_open(set, &run->session, &error);
        if (r != 0)
            say_error(NULL, &error);
    }
    tca_settings_free(set);
    return r;
}

/* ---- reading ---- */

static void show_progress(const struct run *run, size_t index)
{
    if (request_has(run->req, OPTION_verbose)) {
        say("reading %s", name_of(run->req->capture[index]));
    } else if (run->req->capture_count > 1 && !request_has(run->req, OPTION_quiet) && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r\033[K[%zu/%zu] ", index + 1, run->req->capture_count);
        put_clean(stderr, name_of(run->req->capture[index]));
    }
}

static void end_progress(const struct run *run)
{
    if (run->req->capture_count > 1 && !request_has(run->req, OPTION_quiet) &&
        !request_has(run->req, OPTION_verbose) && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* A tca_told_fn: a capture was read, or could not be. */
static void told_capture(void *user, const char *capture, int code, const struct tca_error *error)
{
    struct run *run = user;
    bool fault = code == TCA_EINPUT || code == TCA_EUNSUPPORTED;
    bool warning = code == 0 && error->text[0] != '\0';
    bool cut = warning && error->frame > 0; /* of the others no record is to blame */
    if (code != 0 || (warning && !request_has(run->req, OPTION_quiet))) {
        end_progress(run);
        say_error(name_of(capture), error);
    }
    run->anything |= code == 0 || error->frame > 0;
    if (fault || (cut && request_has(run->req, OPTION_strict)))
        run->unreadable++;
}

static int read_captures(struct run *run)
{
    int r = 0;
    for (size_t i = 0; i < run->req->capture_count && r == 0 && !caught; i++) {
        show_progress(run, i);
        r = tca_session_read_each(run->session, run->req->capture[i], told_capture, run);
    }
    end_progress(run);
    if (caught && !request_has(run->req, OPTION_quiet))
        say("interrupted: what follows tells what had been read until then");
    if (r == 0) {
        struct tca_error error = {.offset = -1};
        r = tca_session_finish(run->session, &error);
        if (r != 0 || (error.text[0] != '\0' && !request_has(run->req, OPTION_quiet)))
            say_error(NULL, &error);
    }
    return r;
}

/* ---- the summary in colour: its signs alone carry the meaning ---- */

struct painter {
    struct output *out;
};

static const char *paint_of(const char *line, size_t count)
{
    static const struct {
        const char *sign, *paint;
    } paints[] = {{"!! ", "\033[1;31m"}, {"!  ", "\033[33m"}, {"ok ", "\033[32m"}};
    for (size_t i = 0; i < sizeof paints / sizeof paints[0]; i++)
        if (count >= 3 && memcmp(line, paints[i].sign, 3) == 0)
            return paints[i].paint;
    return NULL;
}

/* A tca_write_fn: the summary comes in one piece of whole lines. */
static int paint_write(void *user, const void *bytes, size_t count)
{
    struct painter *painter = user;
    const char *at = bytes, *end = at + count;
    int r = 0;
    while (at < end && r == 0) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((feed ? feed : end) - at);
        const char *paint = paint_of(at, length);
        if (paint)
            r = output_write(painter->out, paint, strlen(paint));
        r = r ? r : output_write(painter->out, at, length);
        if (paint && r == 0)
            r = output_write(painter->out, "\033[0m", 4);
        if (feed && r == 0)
            r = output_write(painter->out, "\n", 1);
        at += length + 1;
    }
    return r;
}

static bool wants_color(const struct request *req, const struct output *out)
{
    const char *when = request_value(req, OPTION_color, "auto");
    const char *no_color = getenv("NO_COLOR");
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return out->file == stdout && isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
}

/* ---- run.csv: the only table that is the front end's ---- */

/* One key and the words of its value. Always quoted, so that no reader trips over what was typed. */
static void put_run(FILE *file, const char *key, const char *const *word, size_t count)
{
    fprintf(file, "%s,\"", key);
    if (count && word[0][0] && strchr("=+-@", word[0][0]))
        putc('\'', file); /* no formula for a spreadsheet */
    for (size_t i = 0; i < count; i++) {
        if (i)
            putc(' ', file);
        for (const unsigned char *c = (const unsigned char *)word[i]; *c; c++)
            if (*c < 0x20 || *c == 0x7f)
                fprintf(file, "\\x%02x", *c);
            else
                fprintf(file, *c == '"' ? "\"\"" : "%c", *c);
    }
    fputs("\"\n", file);
}

static void put_run_text(FILE *file, const char *key, const char *value)
{
    put_run(file, key, &value, 1);
}

static void put_run_count(FILE *file, const char *key, size_t count)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", count);
    put_run_text(file, key, text);
}

static int write_run(struct run *run, struct output *out)
{
    char details[1024], finished[64], *rest = NULL;
    time_t now = time(NULL);
    struct tm tm;
    fputs("key,value\n", out->file);
    put_run_text(out->file, "program", "tcpautopsy");
    put_run_text(out->file, "version", tca_version());
    tca_version_details(details, sizeof details);
    for (char *line = strtok_r(details, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        put_run_text(out->file, "details", line);
    put_run(out->file, "arguments", (const char *const *)run->argv + 1, (size_t)run->argc - 1);
    put_run_count(out->file, "captures", run->req->capture_count);
    put_run_count(out->file, "captures_unreadable", run->unreadable);
    put_run_text(out->file, "interrupted", caught ? "true" : "false");
    if (gmtime_r(&now, &tm) && strftime(finished, sizeof finished, "%Y-%m-%dT%H:%M:%SZ", &tm))
        put_run_text(out->file, "finished", finished);
    return ferror(out->file) ? TCA_EOUTPUT : 0;
}

/* ---- writing ---- */

/* The things that can be written, and the files of a report in the order they appear. */
enum product {
    PRODUCT_FLOWS,
    PRODUCT_EVENTS,
    PRODUCT_LISTENERS,
    PRODUCT_STATES,
    PRODUCT_COUNTERS,
    PRODUCT_SETTINGS,
    PRODUCT_CAPTURES,
    PRODUCT_SUMMARY,
    PRODUCT_RUN,
    PRODUCT_EXPLAIN,
    PRODUCT_PACKETS,
    PRODUCT_COUNT
};
static const char *const report_file[] = {"flows.csv",    "events.csv",   "listeners.csv",
                                          "states.csv",   "counters.csv", "settings.csv",
                                          "captures.csv", "summary.txt",  "run.csv"};

static const char *const product_table[PRODUCT_COUNT] = {
    [PRODUCT_FLOWS] = "flows",       [PRODUCT_EVENTS] = "events",     [PRODUCT_LISTENERS] = "listeners",
    [PRODUCT_STATES] = "states",     [PRODUCT_COUNTERS] = "counters", [PRODUCT_SETTINGS] = "settings",
    [PRODUCT_CAPTURES] = "captures",
};

static int write_product(struct run *run, enum product product, struct output *out, struct tca_error *error)
{
    const struct request *req = run->req;
    struct painter painter = {.out = out};
    if (product == PRODUCT_STATES && text_wanted(req))
        return tca_session_text(run->session, text_wanted(req), output_write, out, error);
    if (product_table[product])
        return tca_session_csv(run->session, product_table[product], req->columns, output_write, out, error);
    switch (product) {
    case PRODUCT_EXPLAIN:
        return tca_session_explain(run->session, req->word, request_has(req, OPTION_ascii), output_write, out,
                                   error);
    case PRODUCT_PACKETS:
        return tca_session_pcap(run->session, req->word, output_write, out, error);
    case PRODUCT_RUN:
        return write_run(run, out);
    default:
        break;
    }
    return wants_color(req, out) ? tca_session_summary(run->session, paint_write, &painter, error)
                                 : tca_session_summary(run->session, output_write, out, error);
}

/* Write one thing to a path, NULL for standard output; 0, or a negative code whose words were printed. */
static int write_to(struct run *run, enum product product, const char *path)
{
    struct output out;
    struct tca_error error = {.offset = -1};
    if (!output_open(&out, path))
        return TCA_EOUTPUT;
    int r = write_product(run, product, &out, &error);
    if (r != 0 && !out.failed) {
        say_error(NULL, &error);
        output_abort(&out);
        return r;
    }
    if (!output_commit(&out))
        return TCA_EOUTPUT;
    if (error.text[0] && !request_has(run->req, OPTION_quiet))
        say_error(NULL, &error); /* a note */
    return 0;
}

static int write_into(struct run *run, enum product product, const char *directory)
{
    size_t length = strlen(directory) + strlen(report_file[product]) + 2;
    char *path = malloc(length);
    if (!path) {
        say("memory is out: close other programs");
        return TCA_EMEMORY;
    }
    snprintf(path, length, "%s/%s", directory, report_file[product]);
    int r = overwrites_input(run->req, path, "-o") ? TCA_EUSAGE : write_to(run, product, path);
    free(path);
    return r;
}

static int write_report(struct run *run)
{
    const char *directory = request_value(run->req, OPTION_output, ".");
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        say("%s: cannot be made: %s", directory, strerror(errno));
        return TCA_EOUTPUT;
    }
    int r = 0;
    for (int i = 0; i < (int)(sizeof report_file / sizeof report_file[0]) && r == 0; i++)
        r = write_into(run, (enum product)i, directory);
    return r;
}

/* The packets first: a ladder that stands there then has its file. With both on standard output, packets alone. */
static int write_connection(struct run *run)
{
    const char *path = request_value(run->req, OPTION_output, "-");
    const char *packets = request_value(run->req, OPTION_write, NULL);
    int r = packets ? write_to(run, PRODUCT_PACKETS, packets) : 0;
    if (r != 0 || (packets && is_stdin(packets) && is_stdin(path)))
        return r;
    return write_to(run, PRODUCT_EXPLAIN, path);
}

static int write_all(struct run *run)
{
    static const enum product product[COMMAND_COUNT] = {
        [COMMAND_summary] = PRODUCT_SUMMARY, [COMMAND_flows] = PRODUCT_FLOWS,
        [COMMAND_events] = PRODUCT_EVENTS,   [COMMAND_listeners] = PRODUCT_LISTENERS,
        [COMMAND_states] = PRODUCT_STATES,   [COMMAND_settings] = PRODUCT_SETTINGS,
    };
    if (run->req->command == COMMAND_report)
        return write_report(run);
    if (!run->anything && run->unreadable)
        return 0; /* nothing was read: the errors say it all */
    if (run->req->command == COMMAND_explain)
        return write_connection(run);
    return write_to(run, product[run->req->command], request_value(run->req, OPTION_output, NULL));
}

/* ---- all of it ---- */

static enum exit_code check_fail_on(struct run *run)
{
    const char *ids = request_value(run->req, OPTION_fail_on, NULL);
    struct tca_error error = {.offset = -1};
    bool found = false;
    if (!ids)
        return EXIT_DONE;
    int r = tca_session_has_finding(run->session, ids, &found, &error);
    if (r < 0) {
        say_error(NULL, &error);
        return exit_for(r);
    }
    return found ? EXIT_FOUND : EXIT_DONE;
}

static enum exit_code status_of(struct run *run)
{
    if (caught)
        return caught == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    if (run->unreadable)
        return EXIT_INPUT;
    return check_fail_on(run);
}

enum exit_code run_captures(struct request *req, int argc, char **argv)
{
    struct run run = {.req = req, .argc = argc, .argv = argv};
    int r = open_inputs(req);
    if (r != 0)
        return exit_for(r);
    if (!check_request(req))
        return EXIT_USAGE;
    r = open_session(&run);
    if (r != 0)
        return exit_for(r);
    catch_signals(run.session);
    r = read_captures(&run);
    if (r == 0)
        r = write_all(&run);
    enum exit_code code = r != 0 ? exit_for(r) : status_of(&run);
    interrupted_session = NULL;
    tca_session_free(run.session);
    return code;
}
