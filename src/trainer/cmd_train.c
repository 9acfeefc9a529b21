#include "firstlight.h"
#include "kernels/peak.h"
#include "trainer/commands.h"
#include "trainer/memory_check.h"
#include "trainer/request.h"
#include "trainer/show.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LAUNCHER_WAIT_MS 1000

struct train_args {
    struct request_args request;
    const char *resume, *log, *backend;
    int64_t hash_every, log_every;
    bool quiet, print_config;
};

#define AT(member) offsetof(struct train_args, member)

const struct opt train_opts[] = {
    {"preset", 'p', OPT_TEXT, "NAME",
     "Model and training values: 'info --presets' lists them (default: as before, or grok-tiny)",
     AT(request.preset)},
    {"data", 'd', OPT_LIST, "DIR[=WEIGHT]", "What 'data build' made; several are mixed by weight",
     AT(request.data)},
    {"out", 'o', OPT_TEXT, "DIR", "Checkpoints and the log go there", AT(request.out)},
    {"set", 's', OPT_LIST, "KEY=VALUE", "One setting; 'settings' lists them", AT(request.set)},
    {"resume", 'r', OPT_TEXT, "PATH",
     "A checkpoint or a folder of them; none: from the beginning (default: the newest in --out)",
     AT(resume)},
    {"hash-every", 0, OPT_NUMBER, "N", "Print the weights' hash every N steps", AT(hash_every)},
    {"log", 0, OPT_TEXT, "FILE", "JSON lines (default: log.jsonl in --out)", AT(log)},
    {"log-every", 0, OPT_NUMBER, "N", "Steps between printed lines (default: 40 lines in all)",
     AT(log_every)},
    {"backend", 0, OPT_TEXT, "NAME", "How ranks exchange: auto (default), shm or ucx", AT(backend)},
    {"print-config", 0, OPT_FLAG, NULL,
     "Print all settings as they would be, as such a file, and do nothing", AT(print_config)},
    {"quiet", 'q', OPT_FLAG, NULL, "Print nothing but what went wrong", AT(quiet)},
};
const size_t train_opt_count = ARRAY_LEN(train_opts);

struct session {
    const struct train_args *args;
    struct train_config config;
    struct coll *coll;
    struct show show;
    uint64_t memory_bytes; /* of this rank */
    bool leads;            /* rank 0: the one that is seen */
    bool started;          /* all that was asked for could be had */
    bool launched;         /* by firstlight run or torchrun */
    bool told_stop;        /* that it will stop was said */
};

static volatile sig_atomic_t told_to_stop; /* the signal that said so */

static void on_stop_signal(int signo)
{
    told_to_stop = signo;
}

/* What a person should know, and no part of the run. */
static void say_aside(void *arg, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "firstlight-train: %s\n", text);
}

/* What all ranks could reach together: several on one host share its CPUs. */
static double peak_of_all(const struct session *session, const struct exec *exec)
{
    enum dtype type = train_dtype(&session->config);
    double threads = (double)pool_threads(exec->pool), ranks = (double)coll_size(session->coll);
    double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN), peak = peak_flops(exec, type) * ranks;
    bool one_host = strncmp(coll_name(session->coll), "ucx", 3) != 0;

    return one_host && ranks * threads > cpus ? peak * cpus / (ranks * threads) : peak;
}

/* A full disk is no reason to refuse: there may be room by then. */
static void check_disk(const char *folder, uint64_t bytes)
{
    struct buf text = {0};
    struct statvfs disk;

    if (statvfs(folder, &disk) < 0 || disk.f_bavail * disk.f_frsize >= bytes)
        return;
    buf_printf(&text, "a checkpoint takes ");
    memory_print(bytes, &text);
    buf_printf(&text, ", and %s has ", folder);
    memory_print(disk.f_bavail * disk.f_frsize, &text);
    buf_puts(&text, " free: until there is room, none is saved");
    if (!text.failed)
        say_aside(NULL, text.p);
    buf_done(&text);
}

static void on_ready(void *arg, const struct params *params, const struct exec *exec, int64_t step,
                     uint64_t data_tokens)
{
    struct session *session = arg;

    session->started = true;
    if (!session->leads)
        return;
    session->show.peak_flops = peak_of_all(session, exec);
    session->show.memory_bytes = session->memory_bytes;
    show_ready(&session->show, params, exec, step, data_tokens, coll_name(session->coll));
    check_disk(session->config.out, 3 * params->total * sizeof(float));
}

static void on_step(void *arg, const struct train_step *step)
{
    struct session *session = arg;
    size_t ranks = coll_size(session->coll);

    firstlight_step(step->step, session->config.train.steps, step->loss,
                    (int64_t)(step->tokens / ranks));
    if (session->leads)
        show_step(&session->show, step);
}

/* A checkpoint that fails may be any rank's to tell. */
static void on_note(void *arg, const char *kind, const char *text)
{
    struct session *session = arg;

    if (session->leads)
        show_note(&session->show, kind, text);
    else if (!strcmp(kind, "checkpoint_failed"))
        (void)fprintf(stderr, "rank %zu: %s: %s\n", coll_rank(session->coll), kind, text);
}

static void on_hash(void *arg, int64_t step, uint64_t hash)
{
    struct session *session = arg;

    if (session->leads)
        show_hash(&session->show, step, hash);
}

static void on_valid(void *arg, int64_t step, double loss, double bits_per_byte)
{
    struct session *session = arg;

    if (session->leads)
        show_valid(&session->show, step, loss, bits_per_byte);
}

static void on_sample(void *arg, int64_t step, const char *text)
{
    struct session *session = arg;

    if (session->leads)
        show_sample(&session->show, step, text);
}

static void on_saved(void *arg, const char *path, int64_t step, double seconds, double stall)
{
    struct session *session = arg;
    char *whole = realpath(path, NULL);

    firstlight_checkpoint_saved(whole ? whole : path, step);
    free(whole);
    if (session->leads)
        show_saved(&session->show, path, step, seconds, stall);
}

/* A launcher asks through libfirstlight; its SIGTERM goes to all that are left of an attempt. */
static const char *why_stopping(const struct session *session)
{
    if (session->launched && told_to_stop == SIGTERM)
        return "the launcher ends this attempt (a rank has failed, or the run is over): after this "
               "step, with a checkpoint if all ranks live";
    return "after this step, with a checkpoint; the same signal once more ends it at once";
}

static int on_stop(void *arg)
{
    struct session *session = arg;

    if (told_to_stop && session->leads && !session->told_stop)
        show_note(&session->show, "stopping", why_stopping(session));
    session->told_stop = told_to_stop;
    return told_to_stop ? FIRSTLIGHT_SAVE_AND_LEAVE : (int)firstlight_should_stop();
}

/* The folder is there, so that the log can lie in it. */
static int open_show(struct session *session, struct err *err)
{
    char path[4200];
    const char *log = session->args->log;
    struct stat st;
    int r;

    if (mkdir(session->config.out, 0777) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", session->config.out, strerror(errno));
    if (stat(session->config.out, &st) == 0 && !S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "%s is there and no folder", session->config.out);
    if (!log) {
        (void)snprintf(path, sizeof(path), "%s/log.jsonl", session->config.out);
        log = path;
    }
    r = show_init(&session->show, &session->config, stdout, log, err);
    session->show.quiet = session->args->quiet;
    session->show.every = session->args->log_every;
    session->show.ranks = coll_size(session->coll);
    return r;
}

static bool is_inside(const char *path, const char *folder)
{
    char *whole = realpath(path, NULL), *outer = realpath(folder, NULL);
    size_t len = outer ? strlen(outer) : 0;
    bool inside = whole && outer && !strncmp(whole, outer, len) && whole[len] == '/';

    free(whole);
    free(outer);
    return inside;
}

/* The launcher names what an attempt before this one has saved, which goes before what the first
 * was asked to begin from. In --out the newest whole one is meant, should that one be damaged. */
static const char *resume_from(const struct session *session)
{
    const char *told = firstlight_resume_path();

    if (!told)
        return session->args->resume;
    return is_inside(told, session->config.out) ? NULL : told;
}

static int train_all(struct session *session, struct err *err)
{
    const struct train_events events = {
        .arg = session,
        .ready = on_ready,
        .step = on_step,
        .note = on_note,
        .hash = on_hash,
        .valid = on_valid,
        .sample = session->leads ? on_sample : NULL,
        .saved = on_saved,
        .stop = on_stop,
    };
    struct train_summary summary;
    int r = session->leads ? open_show(session, err) : 0;

    if (r < 0)
        return r;
    r = train_run(&session->config, resume_from(session), session->coll, &events, &summary, err);
    if (r == 0 && session->leads)
        show_summary(&session->show, &summary);
    if (session->leads)
        show_done(&session->show);
    if (r == 0)
        firstlight_phase(FIRSTLIGHT_DONE);
    return r;
}

/* Text in quotes, as JSON and YAML both read it. */
static void put_quoted(const char *text, struct buf *out)
{
    json_t *string = json_string(text);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

    buf_puts(out, quoted ? quoted : "\"\"");
    free(quoted);
    json_decref(string);
}

static void put_sources(const struct train_config *config, struct buf *out)
{
    buf_puts(out, "data:\n");
    for (size_t i = 0; i < config->source_count; i++) {
        const struct dataset_source *source = &config->sources[i];
        struct buf text = {0};

        buf_puts(&text, source->path);
        if (source->weight > 0)
            buf_printf(&text, "=%.17g", source->weight);
        buf_puts(out, "  - ");
        put_quoted(text.p ? text.p : "", out);
        buf_puts(out, "\n");
        buf_done(&text);
    }
}

/* A file of settings that asks for this training again. */
static void print_config(const struct train_config *config)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    struct buf out = {0};

    put_sources(config, &out);
    buf_puts(&out, "out: ");
    put_quoted(config->out, &out);
    buf_puts(&out, "\n");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&out, "%s: ", settings[i].key);
        if (settings[i].type == SETTING_TEXT)
            put_quoted((const char *)config + settings[i].offset, &out);
        else
            setting_print(&settings[i], config, &out);
        buf_puts(&out, "\n");
    }
    if (!out.failed && out.p)
        (void)fputs(out.p, stdout);
    buf_done(&out);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop_signal, .sa_flags = SA_RESETHAND};
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;

    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        (void)sigaction(SIGHUP, &action, NULL);
    (void)sigaction(SIGPIPE, &ignored, NULL); /* who reads the lines may go, the training stays */
    (void)sigaction(SIGXFSZ, &ignored, NULL); /* a file that may not grow is an error like others */
}

static int check_memory(struct session *session, size_t ranks, struct err *err)
{
    size_t here = request_ranks_here();
    struct buf warning = {0};
    int r = memory_check("", &session->config, ranks, here < ranks ? here : ranks,
                         &session->memory_bytes, &warning, err);

    if (warning.len && !warning.failed)
        say_aside(NULL, warning.p);
    buf_done(&warning);
    return r;
}

static int train_together(struct session *session, struct err *err)
{
    struct coll_options options;
    int r = coll_options_from_env(&options, err);

    if (r < 0)
        return r;
    /* Each rank asks before it meets the others, and takes memory after. */
    r = check_memory(session, options.size, err);
    if (r < 0)
        return r;
    options.backend = session->args->backend;
    options.note = say_aside;
    r = coll_open(&options, &session->coll, err);
    if (r < 0)
        return r;
    catch_signals(); /* who waits for the others has nothing to save */
    session->leads = coll_rank(session->coll) == 0;
    r = train_all(session, err);
    coll_free(session->coll);
    return r;
}

/* A launcher takes the first rank that ends for the cause, and may hear of the one that died a few
 * milliseconds after its peers know. So who only saw it die waits to be stopped. */
static void wait_to_be_stopped(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int i = 0; i < LAUNCHER_WAIT_MS / 10 && !told_to_stop; i++)
        (void)nanosleep(&pause, NULL);
}

int cmd_train(const struct subcommand *command, int argc, char **argv)
{
    struct train_args args = {0};
    struct session *session = calloc(1, sizeof(*session));
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        goto out;
    if (!session || words > 1) {
        code =
            subcommand_trouble(command, words > 1 ? "one file of settings at most" : "no memory");
        goto out;
    }
    args.request.file = words ? argv[0] : NULL;
    session->args = &args;
    session->launched = firstlight_init() || getenv("TORCHELASTIC_RUN_ID");
    args.request.resume = firstlight_resume_path() ? firstlight_resume_path() : args.resume;
    firstlight_phase(FIRSTLIGHT_INIT);
    r = request_config(&args.request, &session->config, &err);
    if (r == 0 && args.hash_every)
        session->config.train.hash_every = args.hash_every;
    if (r == 0 && args.print_config) {
        print_config(&session->config);
    } else if (r == 0) {
        r = train_together(session, &err);
    }
    code = r == 0 ? EXIT_WELL : subcommand_trouble(command, "%s", err.text);
    if (r == -ECONNRESET && getenv("TORCHELASTIC_RUN_ID"))
        wait_to_be_stopped();
    if (r < 0 && (session->started || r == -ECONNRESET))
        code = EXIT_FINDINGS; /* the request was fine, what happened was not */
out:
    for (size_t i = 0; session && i < session->config.source_count; i++)
        free((char *)session->config.sources[i].path);
    free(session);
    return code;
}
