/* fakerun DIR NAME ended|running, fakerun DIR NAME more ID - a run of two attempts on two nodes, as
 * the controller leaves it: rank 3 of the first attempt dies, the second goes on from step 20.
 * "running" stays as its controller until stdin ends; "more ID" adds a third attempt to a run and
 * ends it. */
#include "base/file.h"
#include "store/place.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BEGAN_NS 1700000000000000000
#define RANKS    4

static const struct {
    uint32_t attempt;
    int node, rank;
    const char *kind, *text, *fields;
} first[] = {
    {0, -1, -1, "run.created", "train --lr 1", "{\"nodes\":2,\"world\":4}"},
    {0, 0, -1, "node.up", "n001", "{\"incarnation\":1,\"cpus\":8,\"gpus\":0}"},
    {0, 1, -1, "node.up", "n002", "{\"incarnation\":2,\"cpus\":8,\"gpus\":0}"},
    {1, -1, -1, "attempt.begun", "0-1", "{\"nodes\":2,\"world\":4,\"resume_step\":-1}"},
    {1, -1, -1, "attempt.running", "", "{}"},
    {1, -1, -1, "step", "", "{\"step\":24}"},
    {1, 0, 0, "checkpoint.saved", "/ckpt/step_20", "{\"step\":20}"},
    {1, 1, 3, "rank.exited", "ValueError: \033[31mboom", "{\"status\":256,\"by\":0}"},
    {1, 1, 3, "failed", "rank 3 on n002 exited 1; certain",
     "{\"cause\":1,\"status\":256,\"next_ns\":0}"},
    {1, -1, -1, "attempt.ended", "", "{\"how\":1}"},
    {1, -1, -1, "phase.ended", "", "{\"phase\":2,\"ns\":40000000}"},
    {0, 1, -1, "node.excluded", "rank 3 died first twice", "{}"},
    {0, 2, -1, "node.swapped", "ranks 2-3: n002 -> n003", "{\"node_rank\":1,\"old_node\":1}"},
    {1, -1, -1, "checkpoint.chosen", "/ckpt/step_20", "{\"step\":20}"},
    {2, -1, -1, "attempt.begun", "0,2", "{\"nodes\":2,\"world\":4,\"resume_step\":20}"},
    {2, -1, -1, "phase.ended", "", "{\"phase\":5,\"ns\":120000000}"},
    {2, -1, -1, "phase.ended", "", "{\"phase\":7,\"ns\":500000000}"},
    {2, -1, -1, "phase.ended", "", "{\"phase\":6,\"ns\":900000000}"}, /* known later */
};

static const struct {
    uint32_t attempt;
    int node, rank;
    const char *kind, *text, *fields;
} more[] = {
    {2, -1, -1, "attempt.ended", "", "{\"how\":1}"},
    {3, -1, -1, "attempt.begun", "0,2", "{\"nodes\":2,\"world\":4,\"resume_step\":30}"},
    {3, -1, -1, "attempt.ended", "", "{\"how\":0}"},
    {3, -1, -1, "run.ended", "done", "{\"exit_code\":0}"},
};

static struct err err;

static void must(int r)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "fakerun: %s\n", err.text);
    exit(2);
}

#define APPEND(store, id, rows)                                                                    \
    do {                                                                                           \
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {                                             \
            struct store_event event = {.at_ns = BEGAN_NS + (int64_t)i * 1000000000,               \
                                        .attempt = (rows)[i].attempt,                              \
                                        .node = (rows)[i].node,                                    \
                                        .rank = (rows)[i].rank,                                    \
                                        .kind = (rows)[i].kind,                                    \
                                        .text = (rows)[i].text,                                    \
                                        .fields = (rows)[i].fields};                               \
            must(store_append(store, id, &event, 1, NULL, 0, &err));                               \
        }                                                                                          \
    } while (0)

static void write_log(struct arena *arena, const char *run_dir, const char *node, unsigned attempt,
                      unsigned rank, const char *text)
{
    const char *folder = arena_printf(arena, "%s/nodes/%s/attempt-%u", run_dir, node, attempt);

    must(place_make(folder, &err));
    must(file_write(arena_printf(arena, "%s/rank-%u.log", folder, rank), text, strlen(text), &err));
}

static void write_logs(struct arena *arena, const char *run_dir, unsigned attempt)
{
    static const char *const nodes[][2] = {{"n001", "n002"}, {"n001", "n003"}, {"n001", "n003"}};

    for (unsigned rank = 0; rank < RANKS; rank++)
        write_log(arena, run_dir, nodes[attempt - 1][rank / 2], attempt, rank,
                  arena_printf(arena, "attempt %u\nI am rank %u\n%sdone\n", attempt, rank,
                               rank == 0 ? "loss 2.5\n" : ""));
}

static void update(struct store *store, const char *id, const char *state, uint32_t attempt,
                   int exit_code)
{
    struct store_run run = {.id = id,
                            .state = state,
                            .headline = exit_code < 0 ? "step 30 of 100" : "done",
                            .updated_ns = BEGAN_NS,
                            .ended_ns = exit_code < 0 ? -1 : BEGAN_NS + 60000000000,
                            .pid = getpid(),
                            .step = 30,
                            .total = 100,
                            .attempt = attempt,
                            .world = RANKS,
                            .nodes = 2,
                            .exit_code = exit_code};

    must(store_run_update(store, &run, &err));
}

static void add_metrics(struct store *store, const char *id)
{
    for (int64_t step = 1; step <= 30; step++) {
        struct store_metric metric = {.attempt = step <= 20 ? 1 : 2,
                                      .step = step,
                                      .total = 100,
                                      .at_ns = BEGAN_NS + step,
                                      .tokens = step * 1000,
                                      .loss = 4.0 / (double)step};

        must(store_append(store, id, NULL, 0, &metric, 1, &err));
    }
}

static void add_attempt(struct store *store, struct arena *arena, const char *dir, const char *id)
{
    APPEND(store, id, more);
    write_logs(arena, store_run_dir(arena, dir, id), 3);
    update(store, id, "ended", 3, 0);
}

static void write_run(struct store *store, struct arena *arena, const char *dir, const char *name,
                      bool ended)
{
    const char *id, *folder;
    uint64_t generation;
    int lock;
    char c;

    must(store_run_new(store, arena, name,
                       "{\"command\":[\"train\",\"--lr\",\"1\"],\"backend\":\"local\"}", BEGAN_NS,
                       &id, &err));
    must(lock = store_run_lock(store, id, &generation, &err));
    folder = store_run_dir(arena, dir, id);
    APPEND(store, id, first);
    add_metrics(store, id);
    write_logs(arena, folder, 1);
    write_logs(arena, folder, 2);
    update(store, id, ended ? "ended" : "running", 2, ended ? 1 : -1);
    (void)puts(id);
    (void)fflush(stdout);
    while (!ended && read(STDIN_FILENO, &c, 1) > 0)
        ;
    (void)close(lock);
}

int main(int argc, char **argv)
{
    bool adds = argc == 5 && !strcmp(argv[3], "more");
    struct arena *arena = arena_new(0);
    struct store *store;

    if (!arena || (argc != 4 && !adds)) {
        (void)fprintf(stderr, "fakerun DIR NAME ended|running, or fakerun DIR NAME more ID\n");
        return 2;
    }
    must(store_open(argv[1], false, &store, &err));
    if (adds)
        add_attempt(store, arena, argv[1], argv[4]);
    else
        write_run(store, arena, argv[1], argv[2], !strcmp(argv[3], "ended"));
    store_close(store);
    arena_free(arena);
    return 0;
}
