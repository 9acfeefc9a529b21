#include "exchange/exchange.h"

#include "base/file.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char work[256], out_path[300], gguf_path[300];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void clean(void)
{
    if (access(out_path, F_OK) == 0)
        (void)nftw(out_path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    (void)unlink(gguf_path);
}

enum shape { GROK_1, GROK_2, DENSE, SHAPES };

/* Shapes of which no two sides are equal, so that a missing turn shows. */
static struct model_config config_of(enum shape shape)
{
    struct model_config config;

    assert_int_equal(model_preset("grok-1", &config, NULL), 0);
    config.vocab = 37;
    config.context = 64;
    config.dim = 24;
    config.layers = 2;
    config.q_heads = 4;
    config.kv_heads = 2;
    config.head_dim = 6;
    config.ffn = 40;
    config.experts = shape == DENSE ? 1 : 3;
    config.experts_used = shape == DENSE ? 1 : 2;
    config.attention_scale = 0.4082482904638631;
    config.embed_scale = 0.1 + 0.2; /* needs all digits */
    if (shape == GROK_2) {
        config.tied = false;
        config.residual_ffn = 56;
        config.final_cap = 50;
        config.router_cap = 30;
        config.rope_factor = 16;
        config.rope_original_context = 8192;
        config.attention_temperature_from = 1024;
        config.unk = -1;
    }
    assert_int_equal(model_config_check(&config, NULL), 0);
    return config;
}

/* Weights that a reader elsewhere can make again: tests/unit/exchange/independent.py does. */
static float value_of(size_t index)
{
    return (float)((double)(index * 2654435761u & 0xffffff) / 16777216.0 - 0.5);
}

static void make_model(struct exchange_model *model, enum shape shape)
{
    size_t biases;

    *model = (struct exchange_model){.config = config_of(shape)};
    assert_int_equal(params_init(&model->params, &model->config, NULL), 0);
    model->weights = calloc(model->params.total, sizeof(float));
    for (size_t i = 0; i < model->params.count; i++) {
        const struct param *param = &model->params.items[i];

        for (size_t k = 0; k < param->count; k++)
            model->weights[param->offset + k] = value_of(param->offset + k);
    }
    biases = (size_t)(model->config.layers * model->config.experts);
    model->router_bias = calloc(biases, sizeof(float));
    for (size_t i = 0; shape == GROK_2 && i < biases; i++)
        model->router_bias[i] = 0.001f * (float)i - 0.0007f;
}

static const char *path_of(enum exchange_format format)
{
    return format == EXCHANGE_GGUF ? gguf_path : out_path;
}

static void export_model(const struct exchange_model *model, enum exchange_format format,
                         enum dtype type, uint64_t shard_bytes)
{
    struct err err = {0};

    clean();
    if (exchange_export(model, format, type, shard_bytes, path_of(format), &err) < 0)
        fail_msg("%s", err.text);
}

static bool stays_fp32(const struct param *param, enum exchange_format format)
{
    return format == EXCHANGE_GGUF && (param->dims == 1 || param->kind == PARAM_ROUTER);
}

static void expect_same(const struct exchange_model *a, const struct exchange_model *b,
                        enum exchange_format format, enum dtype type)
{
    size_t biases = (size_t)(a->config.layers * a->config.experts);

    for (size_t i = 0; i < model_setting_count; i++) {
        struct buf x = {0}, y = {0};

        setting_print(&model_settings[i], &a->config, &x);
        setting_print(&model_settings[i], &b->config, &y);
        assert_string_equal(x.p, y.p);
        buf_done(&x);
        buf_done(&y);
    }
    assert_int_equal(a->params.total, b->params.total);
    assert_memory_equal(a->router_bias, b->router_bias, biases * sizeof(float));
    for (size_t i = 0; i < a->params.count; i++) {
        const struct param *param = &a->params.items[i];

        for (size_t k = param->offset; k < param->offset + param->count; k++) {
            float want = a->weights[k];

            if (type == DTYPE_BF16 && !stays_fp32(param, format))
                want = bf16_to_f32(bf16_from_f32(want));
            if (memcmp(&want, &b->weights[k], sizeof(want)) != 0)
                fail_msg("%s item %zu is %.9g, not %.9g", param->name, k - param->offset,
                         (double)b->weights[k], (double)want);
        }
    }
}

static void what_goes_out_comes_in_to_the_bit(void **state)
{
    (void)state;
    for (int shape = 0; shape < SHAPES; shape++)
        for (int format = EXCHANGE_SAFETENSORS; format <= EXCHANGE_GGUF; format++)
            for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
                for (uint64_t shard = 0; shard <= 10000; shard += 10000) {
                    struct exchange_model model, back;
                    struct err err = {0};

                    make_model(&model, (enum shape)shape);
                    export_model(&model, (enum exchange_format)format, (enum dtype)type, shard);
                    if (exchange_import(path_of((enum exchange_format)format), &back, &err) < 0)
                        fail_msg("%s", err.text);
                    expect_same(&model, &back, (enum exchange_format)format, (enum dtype)type);
                    assert_null(back.tokenizer);
                    exchange_done(&back);
                    exchange_done(&model);
                }
}

/* A program that shares no code with us reads what was written. */
static void an_independent_reader_agrees(void **state)
{
    (void)state;
    if (system("python3 -c 'import json, struct' >/dev/null 2>&1") != 0)
        skip(); /* no Python */
    for (int shape = 0; shape < SHAPES; shape++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++) {
            struct buf command = {0}, table = {0};
            char table_path[sizeof(work) + 16];
            struct exchange_model model;

            make_model(&model, (enum shape)shape);
            clean();
            export_model(&model, EXCHANGE_SAFETENSORS, (enum dtype)type, 20000);
            assert_int_equal(
                exchange_export(&model, EXCHANGE_GGUF, (enum dtype)type, 0, gguf_path, NULL), 0);
            for (size_t i = 0; i < model.params.count; i++) {
                const struct param *param = &model.params.items[i];

                buf_printf(&table, "%s %zu", param->name, param->offset);
                for (size_t d = 0; d < param->dims; d++)
                    buf_printf(&table, " %zu", param->shape[d]);
                buf_puts(&table, "\n");
            }
            (void)snprintf(table_path, sizeof(table_path), "%s/table", work);
            assert_int_equal(file_write(table_path, table.p, table.len, NULL), 0);
            buf_printf(&command,
                       "python3 " TEST_GOLDEN "/../unit/exchange/independent.py %s %s %s %s",
                       table_path, out_path, gguf_path, dtype_name((enum dtype)type));
            assert_int_equal(system(command.p), 0);
            buf_done(&command);
            buf_done(&table);
            exchange_done(&model);
        }
}

static void the_tokenizer_goes_along(void **state)
{
    struct exchange_model model, back;
    struct err err = {0};
    char path[600];
    size_t len;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/grok-1-tokenizer.model", TEST_DATA);
    make_model(&model, GROK_1);
    if (file_read(path, (size_t)16 << 20, &model.tokenizer, &model.tokenizer_len, NULL) < 0) {
        exchange_done(&model);
        skip(); /* Grok-1's tokenizer is not here */
    }
    clean();
    assert_int_equal(exchange_export(&model, EXCHANGE_GGUF, DTYPE_F32, 0, gguf_path, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "the tokenizer has 131072 tokens, the model 37"));
    assert_int_not_equal(access(gguf_path, F_OK), 0);
    len = model.tokenizer_len;
    for (int format = EXCHANGE_SAFETENSORS; format <= EXCHANGE_GGUF; format++) {
        struct exchange_model large = {.config = model.config,
                                       .tokenizer = model.tokenizer,
                                       .tokenizer_len = model.tokenizer_len};

        large.config.vocab = 131072 + 5;
        large.config.dim = large.config.head_dim = 2;
        large.config.q_heads = large.config.kv_heads = 1;
        large.config.layers = 1;
        assert_int_equal(params_init(&large.params, &large.config, NULL), 0);
        large.weights = calloc(large.params.total, sizeof(float));
        export_model(&large, (enum exchange_format)format, DTYPE_BF16, 0);
        if (exchange_import(path_of((enum exchange_format)format), &back, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(back.tokenizer_len, len);
        assert_memory_equal(back.tokenizer, model.tokenizer, len);
        exchange_done(&back);
        large.tokenizer = NULL;
        exchange_done(&large);
    }
    exchange_done(&model);
}

static void weights_that_are_not_finite_are_named(void **state)
{
    static const struct {
        float value;
        enum dtype type;
        const char *says;
    } cases[] = {
        {NAN, DTYPE_F32, "holds nan at (3, 2)"},
        {-INFINITY, DTYPE_BF16, "holds -inf at (3, 2)"},
        {3.4e38f, DTYPE_BF16, "holds 3.4e+38 at (3, 2), too large for bf16"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int format = EXCHANGE_SAFETENSORS; format <= EXCHANGE_GGUF; format++) {
            struct exchange_model model;
            const struct param *param;
            struct err err = {0};

            clean();
            make_model(&model, GROK_1);
            param = params_find(&model.params, PARAM_Q, 1);
            model.weights[param->offset + 3 * param->shape[1] + 2] = cases[i].value;
            assert_int_equal(exchange_export(&model, (enum exchange_format)format, cases[i].type, 0,
                                             path_of((enum exchange_format)format), &err),
                             -EINVAL);
            if (!strstr(err.text, param->name) || !strstr(err.text, cases[i].says))
                fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
            assert_int_not_equal(access(path_of((enum exchange_format)format), F_OK), 0);
            exchange_done(&model);
        }
}

static void weights_that_come_in_are_finite(void **state)
{
    struct exchange_model model, back;
    struct err err = {0};
    uint16_t inf = 0x7f80;
    char path[400];
    int fd;

    (void)state;
    make_model(&model, GROK_1);
    export_model(&model, EXCHANGE_SAFETENSORS, DTYPE_BF16, 0);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", out_path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &inf, 2, lseek(fd, 0, SEEK_END) - 2), 2);
    assert_int_equal(close(fd), 0);
    assert_int_equal(exchange_import(out_path, &back, &err), -EINVAL);
    assert_non_null(strstr(err.text, "model.norm.weight holds inf at (0, 23)"));
    exchange_done(&model);
}

static void nothing_is_written_over(void **state)
{
    struct exchange_model model;
    struct err err = {0};

    (void)state;
    make_model(&model, DENSE);
    export_model(&model, EXCHANGE_SAFETENSORS, DTYPE_F32, 0);
    assert_int_equal(exchange_export(&model, EXCHANGE_SAFETENSORS, DTYPE_F32, 0, out_path, &err),
                     -ENOTEMPTY);
    assert_non_null(strstr(err.text, "Directory not empty"));
    exchange_done(&model);
}

static unsigned count_names(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count - 2;
}

static void a_full_disk_leaves_nothing(void **state)
{
    struct rlimit before, small = {20000, 20000};
    struct exchange_model model;
    struct err err = {0};

    (void)state;
    clean();
    make_model(&model, GROK_1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int format = EXCHANGE_SAFETENSORS; format <= EXCHANGE_GGUF; format++) {
        unsigned names = count_names(work);

        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        assert_int_equal(exchange_export(&model, (enum exchange_format)format, DTYPE_F32, 0,
                                         path_of((enum exchange_format)format), &err),
                         -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_non_null(strstr(err.text, "File too large"));
        assert_int_equal(count_names(work), names);
    }
    exchange_done(&model);
}

/* Replace a text in config.json by one of the same length or another. */
static void edit_config(const char *from, const char *to)
{
    char path[400], *text, *at;
    struct buf edited = {0};
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/config.json", out_path);
    assert_int_equal(file_read(path, (size_t)1 << 20, &text, &len, NULL), 0);
    at = strstr(text, from);
    assert_non_null(at);
    buf_add(&edited, text, (size_t)(at - text));
    buf_puts(&edited, to);
    buf_puts(&edited, at + strlen(from));
    assert_int_equal(file_write(path, edited.p, edited.len, NULL), 0);
    buf_done(&edited);
    free(text);
}

static void what_does_not_go_together_is_told(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\"model.ffn\": 40", "\"model.ffn\": 41",
         "experts.0.w1.weight has the shape (40, 24), by config.json it is (41, 24)"},
        {"\"model.vocab\": 37", "\"model.vocab\": 38",
         "model.embed_tokens.weight has the shape (37, 24), by config.json it is (38, 24)"},
        {"\"model.layers\": 2", "\"model.layers\": 3", "it lacks the tensor model.layers.2."},
        {"\"model.layers\": 2", "\"model.layers\": 1",
         "it has the tensor model.layers.1.block_sparse_moe.experts.0.w1.weight, which a Grok"},
        {"\"model.layers\": 2", "\"model.layers\": 1000", "too few for the 1000 layers"},
        {"\"model.layers\": 2", "\"model.lairs\": 2", "lairs"},
        {"\"model.q_heads\": 4", "\"model.q_heads\": 5", "kv_heads"},
        {"\"model.pad\"", "model.pad", "config.json: line "},
        {"\"router_bias\"", "\"router_bias\": [1], \"x\"", "router_bias has 1 numbers, not 6"},
        {"\"firstlight\"", "\"lastlight\"", NULL}, /* others' words are enough */
        {"\"firstlight\": {", "\"num_local_experts\": 4, \"lastlight\": {", "config.json: line "},
    };
    struct exchange_model model, back;

    (void)state;
    make_model(&model, GROK_2);
    memset(model.router_bias, 0, 6 * sizeof(float));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        int r;

        model.router_bias[0] = strstr(cases[i].from, "router_bias") ? 0.5f : 0;
        export_model(&model, EXCHANGE_SAFETENSORS, DTYPE_F32, 0);
        edit_config(cases[i].from, cases[i].to);
        r = exchange_import(out_path, &back, &err);
        if (!cases[i].says) {
            if (r < 0)
                fail_msg("%s", err.text);
            expect_same(&model, &back, EXCHANGE_SAFETENSORS, DTYPE_F32);
            exchange_done(&back);
            continue;
        }
        assert_true(r < 0);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
    }
    exchange_done(&model);
}

static void a_cut_file_is_told(void **state)
{
    struct exchange_model model, back;
    char path[400];

    (void)state;
    make_model(&model, GROK_1);
    for (int format = EXCHANGE_SAFETENSORS; format <= EXCHANGE_GGUF; format++) {
        off_t cuts[] = {0, 3, 7, 8, 9, 100, 1000, 5000, 20000, -1};
        struct stat st;

        export_model(&model, (enum exchange_format)format, DTYPE_F32, 0);
        (void)snprintf(path, sizeof(path), "%s%s", path_of((enum exchange_format)format),
                       format == EXCHANGE_GGUF ? "" : "/model.safetensors");
        assert_int_equal(stat(path, &st), 0);
        for (size_t i = ARRAY_LEN(cuts); i-- > 0;) {
            struct err err = {0};

            assert_int_equal(truncate(path, cuts[i] < 0 ? st.st_size - 40 : cuts[i]), 0);
            assert_int_equal(exchange_import(path_of((enum exchange_format)format), &back, &err),
                             -EINVAL);
            assert_non_null(strstr(err.text, path));
        }
    }
    exchange_done(&model);
}

/* The names of the first ports: the same model, called otherwise. */
static void both_columns_of_names_are_read(void **state)
{
    static const struct {
        const char *xai, *port;
    } names[] = {
        {"model.embed_tokens.weight", "transformer.in_out_embed.weight"},
        {"model.norm.weight", "transformer.rms_norm.weight"},
        {"model.layers.0.pre_attn_norm.weight", "transformer.decoder_layer.0.rms_norm.scale"},
        {"model.layers.1.self_attn.v_proj.weight",
         "transformer.decoder_layer.1.multi_head_attention.value.weight"},
        {"model.layers.1.block_sparse_moe.experts.2.w2.weight",
         "transformer.decoder_layer.1.moe.2.linear_1.weight"},
        {"model.layers.0.block_sparse_moe.gate.weight",
         "transformer.decoder_layer.0.router.weight"},
    };
    struct exchange_model model, back;
    struct err err = {0};
    char path[400], *text;
    struct buf header = {0}, file = {0};
    uint64_t len;
    size_t bytes;

    (void)state;
    make_model(&model, GROK_1);
    export_model(&model, EXCHANGE_SAFETENSORS, DTYPE_F32, 0);
    (void)snprintf(path, sizeof(path), "%s/model.safetensors", out_path);
    assert_int_equal(file_read(path, (size_t)1 << 24, &text, &bytes, NULL), 0);
    memcpy(&len, text, 8);
    buf_add(&header, text + 8, len);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf next = {0};
        char *at = strstr(header.p, names[i].xai);

        assert_non_null(at);
        buf_add(&next, header.p, (size_t)(at - header.p));
        buf_puts(&next, names[i].port);
        buf_puts(&next, at + strlen(names[i].xai));
        buf_done(&header);
        header = next;
    }
    buf_add(&file, (const char *)&(uint64_t){header.len}, 8);
    buf_add(&file, header.p, header.len);
    buf_add(&file, text + 8 + len, bytes - 8 - len);
    assert_int_equal(file_write(path, file.p, file.len, NULL), 0);
    if (exchange_import(out_path, &back, &err) < 0)
        fail_msg("%s", err.text);
    expect_same(&model, &back, EXCHANGE_SAFETENSORS, DTYPE_F32);
    exchange_done(&back);
    buf_done(&header);
    buf_done(&file);
    free(text);
    exchange_done(&model);
}

static int make_work(void **state)
{
    /* In memory where there is one: the disk's syncs are not what is tested, and take seconds. */
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    (void)state;
    (void)snprintf(work, sizeof(work), "%s/firstlight-exchange-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(work))
        return -1;
    (void)snprintf(out_path, sizeof(out_path), "%s/out", work);
    (void)snprintf(gguf_path, sizeof(gguf_path), "%s/model.gguf", work);
    return 0;
}

static int remove_work(void **state)
{
    (void)state;
    return nftw(work, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_out_comes_in_to_the_bit),
        cmocka_unit_test(an_independent_reader_agrees),
        cmocka_unit_test(the_tokenizer_goes_along),
        cmocka_unit_test(weights_that_are_not_finite_are_named),
        cmocka_unit_test(weights_that_come_in_are_finite),
        cmocka_unit_test(nothing_is_written_over),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(what_does_not_go_together_is_told),
        cmocka_unit_test(a_cut_file_is_told),
        cmocka_unit_test(both_columns_of_names_are_read),
    };

    return cmocka_run_group_tests(tests, make_work, remove_work);
}
