/* SPDX-License-Identifier: MIT
 *
 * merge: the parts of all shards become the tables of the whole scan. What the shards were told on their command lines is in their
 * manifest, and need not be said again.
 */
#include "merge.h"

#include "confine.h"
#include "gather.h"
#include "intake.h"
#include "say.h"
#include "setup.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool check_request(const struct request *req)
{
    const char *path = request_value(req, OPTION_output, NULL);
    if (!req->capture_count)
        say("merge joins the parts of scan --shard: name the directories that they are in");
    else if (!request_has(req, OPTION_missing) && (!path || is_stdin(path)))
        say("merge needs a directory: -o DIR");
    else
        return request_color_known(req) && request_form_known(req);
    return false;
}

/* The manifest of all that is named: they must agree. */
static int read_manifests(const struct request *req, struct manifest *ret)
{
    char *where = NULL;
    int code = 0;
    *ret = (struct manifest){0};
    for (size_t at = 0; at < req->capture_count && !code; at++) {
        struct manifest other;
        char *there;
        code = gather_manifest(req->capture[at], &other, &there);
        if (!code && there && where && !manifest_same(&other, ret, there))
            code = TCA_EUSAGE;
        if (!code && there && !where) {
            *ret = other;
            where = there;
            continue;
        }
        manifest_done(&other);
        free(there);
    }
    if (!code && !where) {
        say("%s: there is no manifest.csv: give the directory of a scan, or copy its manifest.csv to the "
            "parts",
            req->capture[0]);
        code = TCA_EINPUT;
    }
    free(where);
    return code;
}

static int gather_all(const struct request *req, struct parts *parts)
{
    int code = 0;
    for (size_t at = 0; at < req->capture_count && !code; at++) {
        struct stat st;
        bool folder = stat(req->capture[at], &st) == 0 && S_ISDIR(st.st_mode);
        code = folder ? gather_directory(parts, req->capture[at]) : gather_part(parts, req->capture[at]);
    }
    return code;
}

/* What the manifest says, and what is no matter of results. */
static int settings_of(const struct request *req, const struct manifest *m, struct tca_settings **ret_set)
{
    int code = setup_new(req, ret_set);
    if (!code && request_has(req, OPTION_anonymize) && !manifest_anonymized(m))
        code = setup_option(*ret_set, "real-addresses", "true"); /* the shards knew no others */
    return code ? code : manifest_settings(m, *ret_set);
}

static enum exit_code status_of(struct result *result)
{
    if (signals_any())
        return signals_exit();
    return result->unreadable ? EXIT_INPUT : product_fail_on(result);
}

static enum exit_code join(struct result *result, const struct parts *parts)
{
    const char *directory = request_value(result->req, OPTION_output, ".");
    struct tca_settings *set = NULL;
    if (parts_missing(parts)) {
        parts_say_missing(parts);
        return EXIT_INPUT;
    }
    int code = settings_of(result->req, parts->manifest, &set);
    if (!code)
        code = product_directory(directory);
    if (!code)
        code = assemble(parts, set, directory, result);
    tca_settings_free(set);
    return code ? exit_for(code) : status_of(result);
}

enum exit_code merge_parts(struct request *req, int argc, char **argv)
{
    struct result result = {.req = req, .argc = argc, .argv = argv};
    struct manifest manifest;
    struct parts parts = {0};
    if (!check_request(req))
        return EXIT_USAGE;
    signals_catch();
    enum exit_code status = EXIT_DONE;
    struct confined confined = confine(req);
    int code = read_manifests(req, &manifest);
    if (!code)
        code = parts_new(&manifest, &parts);
    if (!code)
        code = gather_all(req, &parts);
    const bool missing = !code && request_has(req, OPTION_missing);
    if (missing)
        code = parts_print_missing(&parts);
    if (code)
        status = exit_for(code);
    else if (!missing)
        status = join(&result, &parts);
    tca_session_free(result.session);
    parts_done(&parts);
    manifest_done(&manifest);
    confine_end(&confined);
    return status;
}
