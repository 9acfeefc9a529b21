#include "progress/pattern.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NONE (-1)

/* Lines as the programs print them; -1 and NAN: not in the line; step -2: nothing is found. */
static const struct {
    const char *name, *line;
    int64_t step, total, tokens;
    double loss;
} lines[] = {
    {"Megatron-LM",
     " [2024-04-06 02:59:36] iteration       43/     100 | consumed samples:         5504 | "
     "elapsed "
     "time per iteration (ms): 5444.9 | throughput per GPU (TFLOP/s/GPU): 239.8 | learning rate: "
     "8.600000E-06 | global batch size:   128 | lm loss: 1.825991E+00 | load_balancing_loss: "
     "1.019746E+00 | loss scale: 1.0 | grad norm: 1.426 | num zeros: 0.0 | number of skipped "
     "iterations:   0 | number of nan iterations:   0 |",
     43, 100, NONE, 1.825991},
    {"Megatron-DeepSpeed",
     " iteration      122/  250000 | consumed samples:       124928 | consumed tokens:    "
     "255852544 | elapsed time per iteration (s): 86.55 | learning rate: 9.150E-06 | global batch "
     "size:  1024 | lm loss: 2.504220E+00 | loss scale: 1.0 | grad norm: 0.231 |",
     122, 250000, 255852544, 2.504220},
    {"GPT-NeoX",
     " samples/sec: 7.799 | iteration       34/   10000 | elapsed time per iteration (ms): 4103.1 "
     "| "
     "learning rate: 2.111E-06 | approx flops per GPU: 112.9TFLOPS | lm_loss: 1.118665E+01 | "
     "number "
     "of skipped iterations:   0 | number of nan iterations:   0 |",
     34, 10000, NONE, 11.18665},
    {"Megatron, a loss that overflowed",
     " iteration        1/     100 | consumed samples:  16 | elapsed time per iteration (ms): 99.1 "
     "| "
     "learning rate: 0.0E+00 | loss scale: 4294967296.0 | number of skipped iterations:   1 |",
     1, 100, NONE, NAN},
    {"DeepSpeed",
     "[2022-03-11 02:06:58,985] [INFO] [logging.py:69:log_dist] [Rank 0] step=40, skipped=2, "
     "lr=[5e-05], mom=[[0.9, 0.999]]",
     40, NONE, NONE, NAN},
    {"DeepSpeed's pipeline", "steps: 10 loss: 3.4321 iter time (s): 0.512 samples/sec: 62.5", 10,
     NONE, NONE, 3.4321},
    {"DeepSpeed's timer says nothing",
     "[2023-07-25 21:03:17,269] [INFO] [timer.py:215:stop] epoch=0/micro_step=34/global_step=34, "
     "RunningAvgSamplesPerSec=7.86, MemAllocated=59.65GB",
     -2, NONE, NONE, NAN},
    {"nanoGPT", "iter 36298: loss 5.8465, time 148.74ms, mfu 0.01%", 36298, NONE, NONE, 5.8465},
    {"nanoGPT with a date", "2023-03-22 09:33:02 iter 3020: loss nan, time 1015.95ms, mfu 14.36%",
     3020, NONE, NONE, NAN},
    {"nanoGPT's evaluation", "step 250: train loss 1.5440, val loss 1.7220", 250, NONE, NONE,
     1.5440},
    {"llama2.c", "490 | loss 5.7543 | lr 4.900000e-05 | 8060.78ms | mfu 0.21%", 490, NONE, NONE,
     5.7543},
    {"llm.c",
     "step   10/19560 | loss 7.024579 (+nanz)| norm 2.3251 (+nanz)| lr 8.57e-06 | 3044.98 ms | "
     "56.8% bf16 MFU | 172181 tok/s",
     10, 19560, NONE, 7.024579},
    {"llm.c on a CPU", "step 7: train loss 4.123456 (took 1523.412 ms)", 7, NONE, NONE, 4.123456},
    {"HF Trainer's dict",
     "{'loss': 1.5214, 'grad_norm': 82.93941089686794, 'learning_rate': 1.4285714285714286e-06, "
     "'epoch': 0.01}",
     NONE, NONE, NONE, 1.5214},
    {"HF Trainer's dict with a step",
     "[INFO|trainer_tf.py:398] 2021-01-15 10:28:50,371 >> {'loss': 0.6347228, 'learning_rate': "
     "4.891304e-05, 'epoch': 0.08695652173913043, 'step': 10}",
     10, NONE, NONE, 0.6347228},
    {"HF Trainer's dict with tokens",
     "{'loss': '0.2911', 'epoch': '0.06', 'num_input_tokens_seen': 1048576}", NONE, NONE, 1048576,
     0.2911},
    {"HF Trainer's bar", "  4%|\xe2\x96\x8e         | 1317/36234 [11:37<5:10:26,  1.87it/s]", 1317,
     36234, NONE, NAN},
    {"HF Trainer's first bar", "  0%|          | 0/157 [00:00<?, ?it/s]", 0, 157, NONE, NAN},
    {"bars and dict in one line",
     "\r  4%|\xe2\x96\x8e         | 1317/36234 [11:37<5:10:26,  1.87it/s]\r  4%|\xe2\x96\x8e       "
     "  "
     "| 1318/36234 [11:37<5:12:34,  1.86it/s]\r                                \r{'loss': 1.5545, "
     "'learning_rate': 0.00028994575745834946, 'epoch': 0.22}",
     1318, 36234, NONE, 1.5545},
    {"a bar with DeepSpeed's line at its end",
     "  8%|\xe2\x96\x88     | 1999/24128 [1:52:09<20:27:23,  3.33s/it][2021-11-26 03:07:16,494] "
     "[INFO] "
     "[logging.py:69:log_dist] [Rank 0] step=2000, skipped=1995, lr=[0.001, 0.001]",
     1999, 24128, NONE, NAN},
    {"HF's last words",
     "{'train_runtime': 123.4, 'train_samples_per_second': 8.1, 'train_loss': 2.1}", -2, NONE, NONE,
     NAN},
    {"HF's evaluation", "{'eval_loss': 1.2, 'eval_runtime': 3.1, 'epoch': 1.0}", -2, NONE, NONE,
     NAN},
    {"Lightning 1",
     "Epoch 0:  22%|\xe2\x96\x88\xe2\x96\x88\xe2\x96\x8f       | 4/18 [00:17<01:02,  "
     "4.47s/it, loss=9.926, v_num=193315]",
     4, NONE, NONE, 9.926},
    {"Lightning 2, second epoch",
     "Epoch 1:  46%|\xe2\x96\x88    | 73/150 [00:02<00:02, 37.48it/s, v_num=35a4, "
     "train_loss=2.330]",
     223, NONE, NONE, 2.33},
    {"Lightning, its loss and the program's",
     "Epoch 1:  79%|###  | 691/870 [00:07<00:01, 100.85batch/s, accuracy=0.7, gpu=0, loss=0.442]",
     1561, NONE, NONE, 0.442},
    {"Lightning validates",
     "Validation DataLoader 0:  46%|\xe2\x96\x88  | 73/157 [00:02<00:02, 37.48it/s]", -2, NONE,
     NONE, NAN},
    {"Lightning's bar without a total", "Training: 0it [00:00, ?it/s]", -2, NONE, NONE, NAN},
    {"a download", "model.safetensors:  31%|###  | 1.21G/3.95G [00:07<00:17, 160MB/s]", -2, NONE,
     NONE, NAN},
    {"shards", "Loading checkpoint shards:  25%|##5  | 1/4 [00:01<00:04,  1.5s/it]", -2, NONE, NONE,
     NAN},
    {"torchtitan",
     "[rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: 14  loss:  3.24405  grad_norm: "
     " "
     "0.8319  memory:  9.46GiB(64.99%)  tps: 7,282  tflops: 0.52  mfu: 0.17%",
     14, NONE, NONE, 3.24405},
    {"torchtitan in colour",
     "[titan] 2026-02-24 19:46:17,508 - root - INFO - \033[31mstep:  4  \033[32mloss:  7.62585  "
     "\033[38;2;180;60;0mgrad_norm: 26.6250\033[39m",
     4, NONE, NONE, 7.62585},
    {"torchtitan saves",
     "[rank0]:[titan] 2025-06-16 22:30:50,758 - root - INFO - Dumping profiler "
     "traces at step 200",
     -2, NONE, NONE, NAN},
    {"torchtune's bar",
     "[trainer0|0]:1|54|Loss: 1.0960569381713867:  54%|\xe2\x96\x88    | 55/101 [15:04<11:17, "
     "14.73s/it]",
     54, NONE, NONE, 1.0960569381713867},
    {"torchtune's log",
     "Step 1 | loss:2.085338592529297 lr:2e-05 tokens_per_second_per_gpu:57.828881833956174", 1,
     NONE, NONE, 2.085338592529297},
    {"litgpt",
     "Epoch 1 | iter 120 step 30 | loss train: 1.162, val: n/a | iter time: 164.51 ms (step)", 30,
     NONE, NONE, 1.162},
    {"fairseq's json",
     "{\"epoch\": 1, \"update\": 0.243, \"loss\": \"14.1\", \"num_updates\": \"100\"}", 100, NONE,
     NONE, 14.1},
    {"MaxText",
     "completed step: 10, seconds: 0.512, TFLOP/s/device: 171.9, total_weights: 8192, "
     "loss: 10.081",
     10, NONE, NONE, 10.081},
    {"Caffe", "I0907 11:07:00.122465 162 solver.cpp:312] Iteration 0, loss = 16.488", 0, NONE, NONE,
     16.488},
    {"OLMo", "[step=10/1000,epoch=0]", 10, 1000, NONE, NAN},
    {"firstlight's example", "step 10/200 loss 3.21", 10, 200, NONE, 3.21},
    {"Python's thousands", "step 1,200/10,000 | loss 2.5", 1200, 10000, NONE, 2.5},
    {"a list after the step", "step 12, 300 left, loss 2.5", 12, NONE, NONE, 2.5},
    {"no number of this world", "step 99999999999999999999 loss 1.0", -2, NONE, NONE, NAN},
    {"a time that is no step", "one step 10ms, loss 2.5", -2, NONE, NONE, NAN},
    {"a fraction that is no step", "step 1.5 loss 2.5", -2, NONE, NONE, NAN},
    {"validation only", "step 100 val loss 2.5 eval/loss 2.4", -2, NONE, NONE, NAN},
    {"words", "loss of generality, step by step", -2, NONE, NONE, NAN},
    {"empty", "", -2, NONE, NONE, NAN},
    {"returns only", "\r\r\r", -2, NONE, NONE, NAN},
    {"an escape cut off", "step 3 loss 2.0 \033[3", 3, NONE, NONE, 2.0},
};

static bool find(const char *pattern, const char *line, size_t len, struct pattern_found *out)
{
    char *text = malloc(len ? len : 1); /* exactly its size: ASan sees one byte past */
    bool found;

    memcpy(text, line, len);
    found = pattern_find(pattern, (struct str){text, len}, out);
    free(text);
    return found;
}

static void lines_of_known_programs_give_step_and_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct pattern_found found = {-7, -7, -7, -7};
        bool any = find(NULL, lines[i].line, strlen(lines[i].line), &found);

        if (any != (lines[i].step != -2))
            fail_msg("%s: %s", lines[i].name, any ? "something was found" : "nothing was found");
        if (!any) {
            assert_int_equal(found.step, -7);
            continue;
        }
        if (found.step != lines[i].step || found.total != lines[i].total ||
            found.tokens != lines[i].tokens || isnan(found.loss) != isnan(lines[i].loss) ||
            (!isnan(found.loss) && fabs(found.loss - lines[i].loss) > 1e-12))
            fail_msg("%s: step %lld of %lld, tokens %lld, loss %g", lines[i].name,
                     (long long)found.step, (long long)found.total, (long long)found.tokens,
                     found.loss);
    }
}

static void every_prefix_of_a_line_is_read_within_its_bytes(void **state)
{
    struct pattern_found found;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        for (size_t len = 0; len <= strlen(lines[i].line); len++)
            if (find(NULL, lines[i].line, len, &found) && found.step < 0)
                assert_false(isnan(found.loss));
}

static void a_line_of_many_returns_or_a_megabyte_is_bounded(void **state)
{
    size_t len = 1 << 20;
    char *line = malloc(len);
    struct pattern_found found = {0};
    const char *end = "\rstep 5 loss 1.0";

    (void)state;
    memset(line, '\r', len);
    memcpy(line, "step 1 loss 9.0", 15);
    assert_false(pattern_find(NULL, (struct str){line, len}, &found)); /* below 1M redraws */
    memset(line + 16, 'x', len - 16);
    memcpy(line + len - strlen(end), end, strlen(end));
    assert_true(pattern_find(NULL, (struct str){line, len}, &found));
    assert_int_equal(found.step, 5);
    free(line);
}

static const struct {
    const char *pattern, *line;
    int64_t step, total, tokens;
    double loss;
} user[] = {
    {"iteration {step}/{total}*loss {loss}", "iteration   10/  100 | x | Loss 2.5", 10, 100, -1,
     2.5},
    {"iteration {step}/{total}*loss {loss}", "Iteration 10/100 loss scale 1 loss 2.5", 10, 100, -1,
     2.5},
    {"iteration {step}/{total}*loss {loss}", "iteration 10 loss 2.5", -2, -1, -1, NAN},
    {"update={step}", "x update=a update=7", 7, -1, -1, NAN},
    {"*update={step}*", "x update=7 y", 7, -1, -1, NAN},
    {"{step} updates", "12 14 updates", 14, -1, -1, NAN},
    {"{'s': {step}, 'l': {loss}}", "{'s': 3, 'l': -1e-3}", 3, -1, -1, -1e-3},
    {"Tokens {tokens} at {step}", "\033[1mTOKENS\033[0m \t 1,000,000   at 9", 9, -1, 1000000, NAN},
    {"a b{step}", "ab1 a  b2", 2, -1, -1, NAN},
    {"s{step} l{loss}", "s1 l2\rs3 l4\rzzz", 3, -1, -1, 4},
    {"s{step}*", "s1", 1, -1, -1, NAN},
    {"s{step}*e", "s1", -2, -1, -1, NAN},
};

static void a_users_pattern_fills_its_holes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(user); i++) {
        struct pattern_found found = {-7, -7, -7, -7};

        assert_int_equal(pattern_check(user[i].pattern, NULL), 0);
        if (find(user[i].pattern, user[i].line, strlen(user[i].line), &found) !=
            (user[i].step != -2))
            fail_msg("'%s' in '%s'", user[i].pattern, user[i].line);
        if (user[i].step == -2)
            continue;
        if (found.step != user[i].step || found.total != user[i].total ||
            found.tokens != user[i].tokens || isnan(found.loss) != isnan(user[i].loss) ||
            (!isnan(found.loss) && found.loss != user[i].loss))
            fail_msg("'%s' in '%s': step %lld of %lld, tokens %lld, loss %g", user[i].pattern,
                     user[i].line, (long long)found.step, (long long)found.total,
                     (long long)found.tokens, found.loss);
    }
}

static const struct {
    const char *pattern, *err;
} wrong[] = {
    {"", "the step pattern '' has no {step}"},
    {"loss {loss}", "the step pattern 'loss {loss}' has no {step}"},
    {"{step}", "the step pattern '{step}' has no text beside its holes"},
    {"* {step} *", "the step pattern '* {step} *' has no text beside its holes"},
    {"a {stpe}", "{stpe} in the step pattern is none of {step}, {total}, {loss}, {tokens}"},
    {"a {step} {step}", "the step pattern has {step} twice"},
    {"a {step}{loss}", "nothing parts {loss} from the hole before it"},
    {"a {step", "the step pattern 'a {step' has no {step}"},
};

static void a_pattern_that_makes_no_sense_is_one_sentence(void **state)
{
    char longer[PATTERN_BYTES_MAX + 2];
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(pattern_check(wrong[i].pattern, &err), -EINVAL);
        assert_string_equal(err.text, wrong[i].err);
    }
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(pattern_check(longer, &err), -EINVAL);
    assert_string_equal(err.text, "the step pattern has more than 256 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_known_programs_give_step_and_loss),
        cmocka_unit_test(every_prefix_of_a_line_is_read_within_its_bytes),
        cmocka_unit_test(a_line_of_many_returns_or_a_megabyte_is_bounded),
        cmocka_unit_test(a_users_pattern_fills_its_holes),
        cmocka_unit_test(a_pattern_that_makes_no_sense_is_one_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
