/* Runs a SavedModel through TensorFlow's C API, without Python, as TensorFlow Serving does.

   predict MODEL_DIR < PLAN, where a line of the plan is one of
     in  OPERATION INDEX DTYPE FILE RANK DIM...   a tensor to feed, its bytes from a file
     out OPERATION INDEX FILE                     a tensor to fetch, its bytes to a file
     run                                          feeds and fetches what was named since the last */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MOST = 32, LONGEST = 1024 };

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static TF_Output find(TF_Graph *graph, const char *name, int index) {
  TF_Output output = {TF_GraphOperationByName(graph, name), index};
  if (output.oper == NULL) fail(name, "no such operation");
  return output;
}

static TF_Tensor *read_tensor(TF_DataType type, const char *path, int rank, const int64_t *dims) {
  size_t bytes = TF_DataTypeSize(type);
  for (int i = 0; i < rank; ++i) bytes *= (size_t)dims[i];
  TF_Tensor *tensor = TF_AllocateTensor(type, dims, rank, bytes);
  FILE *file = fopen(path, "rb");
  if (file == NULL || fread(TF_TensorData(tensor), 1, bytes, file) != bytes)
    fail(path, "cannot be read");
  fclose(file);
  return tensor;
}

static void write_tensor(const TF_Tensor *tensor, const char *path) {
  size_t bytes = TF_TensorByteSize(tensor);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(TF_TensorData(tensor), 1, bytes, file) != bytes || fclose(file))
    fail(path, "cannot be written");
}

int main(int argc, char **argv) {
  if (argc != 2) fail("usage", "predict MODEL_DIR < PLAN");
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, argv[1]);

  TF_Output ins[MOST], outs[MOST];
  TF_Tensor *fed[MOST], *fetched[MOST];
  char paths[MOST][LONGEST];
  int num_ins = 0, num_outs = 0;
  char word[8], name[LONGEST], path[LONGEST];
  int index, type, rank;
  while (scanf("%7s", word) == 1) {
    if (num_ins == MOST || num_outs == MOST) fail("plan", "too many tensors");
    if (!strcmp(word, "in")) {
      int64_t dims[8];
      if (scanf("%1023s %d %d %1023s %d", name, &index, &type, path, &rank) != 5 || rank > 8)
        fail("plan", "bad input");
      for (int i = 0; i < rank; ++i)
        if (scanf("%ld", &dims[i]) != 1) fail("plan", "bad shape");
      ins[num_ins] = find(graph, name, index);
      fed[num_ins++] = read_tensor((TF_DataType)type, path, rank, dims);
    } else if (!strcmp(word, "out")) {
      if (scanf("%1023s %d %1023s", name, &index, paths[num_outs]) != 3) fail("plan", "bad output");
      outs[num_outs++] = find(graph, name, index);
    } else {
      TF_SessionRun(session, NULL, ins, fed, num_ins, outs, fetched, num_outs, NULL, 0, NULL,
                    status);
      check(status, "run");
      for (int i = 0; i < num_outs; ++i) {
        write_tensor(fetched[i], paths[i]);
        TF_DeleteTensor(fetched[i]);
      }
      for (int i = 0; i < num_ins; ++i) TF_DeleteTensor(fed[i]);
      num_ins = num_outs = 0;
    }
  }
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
