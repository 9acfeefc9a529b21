#include "store/place.h"
#include "store/sql.h"

#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LETTERS   5
#define ID_NAME_MAX  40
#define ID_TRIES_MAX 20

/* Said over the phone, no letter is taken for another; without vowels no word comes out. */
static int make_id(struct arena *arena, const char *name, const char **id, struct err *err)
{
    static const char letters[] = "bcdfghjkmnpqrstvwxz";
    unsigned char random[ID_LETTERS];
    char text[ID_NAME_MAX + 1 + ID_LETTERS + 1];
    size_t len = 0;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return err_set(err, -EIO, "no random numbers: %s", strerror(errno));
    for (; *name && len < ID_NAME_MAX; name++) {
        char c = *name, lower = (char)(c | 0x20);
        bool good = char_is_digit(c) || (lower >= 'a' && lower <= 'z');

        if (good || (len && strchr("._-", c))) /* an id is a file's name and an argument */
            text[len++] = c;
    }
    if (!len)
        len = (size_t)sprintf(text, "run");
    text[len++] = '-';
    for (size_t i = 0; i < ID_LETTERS; i++)
        text[len++] = letters[random[i] % (sizeof(letters) - 1)];
    *id = arena_copy(arena, text, len);
    return *id ? 0 : err_set(err, -ENOMEM, "no memory for the run's id");
}

/* Returns 1 when the id is taken. */
static int add_row(struct store *store, const char *id, const char *name, const char *job,
                   int64_t now_ns, struct err *err)
{
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_RUN_ADD, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, id);
    sql_bind_text(statement, 2, name);
    sql_bind_text(statement, 3, job);
    (void)sqlite3_bind_int64(statement, 4, now_ns);
    code = sqlite3_step(statement);
    if ((code & 0xff) == SQLITE_CONSTRAINT)
        r = 1;
    else if (code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

static int add_folder(struct store *store, const char *id, struct err *err)
{
    char path[PATH_MAX];
    int r;

    if (snprintf(path, sizeof(path), "%s/runs", store->dir) >= (int)sizeof(path) - 64)
        return err_set(err, -ENAMETOOLONG, "%s: the name is too long", store->dir);
    r = place_make(path, err);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "%s/runs/%s", store->dir, id);
    if (mkdir(path, 0700) == 0)
        return 0;
    return errno == EEXIST
               ? 1
               : err_set(err, -errno, "%s: cannot make the folder: %s", path, strerror(errno));
}

static void remove_folder(struct store *store, const char *id)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/runs/%s", store->dir, id);
    (void)rmdir(path);
}

int store_run_new(struct store *store, struct arena *arena, const char *name, const char *job,
                  int64_t now_ns, const char **id, struct err *err)
{
    bool folder = false;
    int r = sql_do(store, SQL_BEGIN, err);

    if (r < 0)
        return r;
    r = 1;
    for (int i = 0; r == 1 && i < ID_TRIES_MAX; i++) {
        r = make_id(arena, name, id, err);
        if (r == 0)
            r = add_folder(store, *id, err); /* left over from a lost database: not ours to take */
        folder = r == 0;
        if (r == 0)
            r = add_row(store, *id, name, job, now_ns, err);
        if (folder && r != 0)
            remove_folder(store, *id);
    }
    if (r == 1)
        r = err_set(err, -EEXIST, "%s: no free id for a run of the name '%s'", store->path, name);
    if (r == 0)
        r = sql_do(store, SQL_COMMIT, err);
    if (r == 0)
        return 0;
    if (folder)
        remove_folder(store, *id);
    if (!sqlite3_get_autocommit(store->db))
        (void)sql_do(store, SQL_ROLLBACK, NULL);
    return r;
}

/* What a controller writes before its first event: plain files. */
static void empty_folder(struct store *store, const char *id)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/runs/%s", store->dir, id);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        (void)closedir(dir);
}

int store_run_drop(struct store *store, const char *id, struct err *err)
{
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_RUN_DROP, &statement, err);
    bool dropped;

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, id);
    code = sqlite3_step(statement);
    dropped = code == SQLITE_ROW;
    if (dropped)
        code = sqlite3_step(statement); /* the change is kept when the statement is done */
    if (code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    if (r < 0 || !dropped)
        return r;
    empty_folder(store, id);
    remove_folder(store, id);
    return 1;
}

int store_run_update(struct store *store, const struct store_run *run, struct err *err)
{
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_RUN_UPDATE, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, run->id);
    sql_bind_text(statement, 2, run->state);
    sql_bind_text(statement, 3, run->headline);
    sql_bind_text(statement, 4, run->host);
    sql_bind_told(statement, 5, run->pid > 0 ? run->pid : -1);
    (void)sqlite3_bind_int64(statement, 6, run->updated_ns);
    sql_bind_told(statement, 7, run->ended_ns > 0 ? run->ended_ns : -1);
    sql_bind_told(statement, 8, run->step);
    sql_bind_told(statement, 9, run->total);
    (void)sqlite3_bind_int64(statement, 10, run->attempt);
    (void)sqlite3_bind_int64(statement, 11, run->world);
    (void)sqlite3_bind_int64(statement, 12, run->nodes);
    sql_bind_told(statement, 13, run->exit_code);
    code = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    if (code != SQLITE_DONE)
        return sql_error(store, code, err);
    return sqlite3_changes(store->db) == 1
               ? 0
               : err_set(err, -ENOENT, "%s: there is no run '%s'", store->path, run->id);
}

/* A copy that lives; *failed when there is no memory. */
static const char *copy_text(struct arena *arena, sqlite3_stmt *statement, int at, bool *failed)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    const char *copy = arena_copy(arena, text ? text : "", text ? strlen(text) : 0);

    *failed = *failed || !copy;
    return copy;
}

static int read_row(struct store *store, struct arena *arena, sqlite3_stmt *statement,
                    struct store_run *run, struct err *err)
{
    bool failed = false;

    *run = (struct store_run){
        .id = copy_text(arena, statement, 0, &failed),
        .name = copy_text(arena, statement, 1, &failed),
        .state = copy_text(arena, statement, 2, &failed),
        .headline = copy_text(arena, statement, 3, &failed),
        .job = copy_text(arena, statement, 4, &failed),
        .host = copy_text(arena, statement, 5, &failed),
        .pid = sql_told(statement, 6),
        .created_ns = sqlite3_column_int64(statement, 7),
        .updated_ns = sqlite3_column_int64(statement, 8),
        .ended_ns = sql_told(statement, 9),
        .step = sql_told(statement, 10),
        .total = sql_told(statement, 11),
        .attempt = (uint32_t)sqlite3_column_int64(statement, 12),
        .world = (uint32_t)sqlite3_column_int64(statement, 13),
        .nodes = (uint32_t)sqlite3_column_int64(statement, 14),
        .exit_code = (int32_t)sql_told(statement, 15),
        .loss = sqlite3_column_type(statement, 16) == SQLITE_NULL
                    ? NAN
                    : sqlite3_column_double(statement, 16),
    };
    if (failed)
        return err_set(err, -ENOMEM, "%s: no memory for the list of runs", store->path);
    run->alive = store_run_alive(store, run->id);
    return 0;
}

int store_run_list(struct store *store, struct arena *arena, struct store_run **runs, size_t *count,
                   struct err *err)
{
    VEC(struct store_run) list = {0};
    sqlite3_stmt *statement;
    int code = SQLITE_DONE, r = sql_use(store, SQL_RUN_LIST, &statement, err);

    if (r < 0)
        return r;
    while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_run *run = vec_push(&list);

        r = run ? read_row(store, arena, statement, run, err)
                : err_set(err, -ENOMEM, "%s: no memory for the list of runs", store->path);
    }
    if (r == 0 && code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    if (r == 0) {
        *count = list.count;
        *runs = arena_alloc(arena, (list.count + 1) * sizeof(**runs));
        if (!*runs)
            r = err_set(err, -ENOMEM, "%s: no memory for the list of runs", store->path);
        else if (list.count)
            memcpy(*runs, list.items, list.count * sizeof(**runs));
    }
    vec_done(&list);
    return r;
}
