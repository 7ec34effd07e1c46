/**
 * The part of TensorFlow's C interface that the engine calls, as Deno FFI declarations.
 *
 * Source: tensorflow/c/{c_api,tf_tensor,tf_tstring}.h and tensorflow/c/eager/{c_api,c_api_experimental}.h.
 * `TF_Output` is passed by value as 16 bytes: a pointer to the operation and the index of its output.
 *
 * @module
 */
const ptr = "pointer", buf = "buffer", output = { struct: ["pointer", "i32"] } as const;

export const SYMBOLS = {
  TF_Version: { parameters: [], result: ptr },

  // status and buffers
  TF_NewStatus: { parameters: [], result: ptr },
  TF_DeleteStatus: { parameters: [ptr], result: "void" },
  TF_SetStatus: { parameters: [ptr, "i32", buf], result: "void" },
  TF_GetCode: { parameters: [ptr], result: "i32" },
  TF_Message: { parameters: [ptr], result: ptr },
  TF_NewBuffer: { parameters: [], result: ptr },
  TF_DeleteBuffer: { parameters: [ptr], result: "void" },
  TF_GetAllOpList: { parameters: [], result: ptr },

  // host tensors
  TF_AllocateTensor: { parameters: ["i32", buf, "i32", "usize"], result: ptr },
  TF_TensorData: { parameters: [ptr], result: ptr },
  TF_TensorByteSize: { parameters: [ptr], result: "usize" },
  TF_TensorType: { parameters: [ptr], result: "i32" },
  TF_TensorElementCount: { parameters: [ptr], result: "i64" },
  TF_DeleteTensor: { parameters: [ptr], result: "void" },
  TF_StringInit: { parameters: [ptr], result: "void" },
  TF_StringCopy: { parameters: [ptr, buf, "usize"], result: "void" },
  TF_StringGetDataPointer: { parameters: [ptr], result: ptr },
  TF_StringGetSize: { parameters: [ptr], result: "usize" },
  TF_StringDealloc: { parameters: [ptr], result: "void" },

  // eager context and devices
  TFE_NewContextOptions: { parameters: [], result: ptr },
  TFE_ContextOptionsSetConfig: { parameters: [ptr, buf, "usize", ptr], result: "void" },
  TFE_DeleteContextOptions: { parameters: [ptr], result: "void" },
  TFE_NewContext: { parameters: [ptr, ptr], result: ptr },
  TFE_ContextListDevices: { parameters: [ptr, ptr], result: ptr },
  TF_DeviceListCount: { parameters: [ptr], result: "i32" },
  TF_DeviceListName: { parameters: [ptr, "i32", ptr], result: ptr },
  TF_DeviceListType: { parameters: [ptr, "i32", ptr], result: ptr },
  TF_DeviceListMemoryBytes: { parameters: [ptr, "i32", ptr], result: "i64" },
  TF_DeleteDeviceList: { parameters: [ptr], result: "void" },
  TFE_EnableCollectiveOps: { parameters: [ptr, buf, "usize", ptr], result: "void" },
  TFE_ContextAddFunction: { parameters: [ptr, ptr, ptr], result: "void" },
  TFE_ContextRemoveFunction: { parameters: [ptr, buf, ptr], result: "void" },
  TFE_ContextEnableGraphCollection: { parameters: [ptr], result: "void" },
  TFE_ContextDisableGraphCollection: { parameters: [ptr], result: "void" },
  TFE_ContextExportRunMetadata: { parameters: [ptr, ptr, ptr], result: "void" },

  // eager tensors
  TFE_NewTensorHandle: { parameters: [ptr, ptr], result: ptr },
  TFE_DeleteTensorHandle: { parameters: [ptr], result: "void" },
  TFE_TensorHandleCopySharingTensor: { parameters: [ptr, ptr], result: ptr },
  TFE_TensorHandleResolve: { parameters: [ptr, ptr], result: ptr },
  TFE_TensorHandleDataType: { parameters: [ptr], result: "i32" },
  TFE_TensorHandleNumDims: { parameters: [ptr, ptr], result: "i32" },
  TFE_TensorHandleDim: { parameters: [ptr, "i32", ptr], result: "i64" },

  // eager operations
  TFE_NewOp: { parameters: [ptr, buf, ptr], result: ptr },
  TFE_DeleteOp: { parameters: [ptr], result: "void" },
  TFE_OpAddInput: { parameters: [ptr, ptr, ptr], result: "void" },
  TFE_OpSetAttrString: { parameters: [ptr, buf, buf, "usize"], result: "void" },
  TFE_OpSetAttrStringList: { parameters: [ptr, buf, buf, buf, "i32"], result: "void" },
  TFE_OpSetAttrInt: { parameters: [ptr, buf, "i64"], result: "void" },
  TFE_OpSetAttrIntList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TFE_OpSetAttrFloat: { parameters: [ptr, buf, "f32"], result: "void" },
  TFE_OpSetAttrFloatList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TFE_OpSetAttrBool: { parameters: [ptr, buf, "u8"], result: "void" },
  TFE_OpSetAttrBoolList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TFE_OpSetAttrType: { parameters: [ptr, buf, "i32"], result: "void" },
  TFE_OpSetAttrTypeList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TFE_OpSetAttrShape: { parameters: [ptr, buf, buf, "i32", ptr], result: "void" },
  TFE_OpSetAttrFunctionName: { parameters: [ptr, buf, buf, "usize"], result: "void" },
  TFE_Execute: { parameters: [ptr, buf, buf, ptr], result: "void" },
  /** The same function off the main thread, so that timers and servers keep running during a step. */
  TFE_ExecuteAsync: {
    name: "TFE_Execute",
    parameters: [ptr, buf, buf, ptr],
    result: "void",
    nonblocking: true,
  },

  // graphs and functions
  TF_NewGraph: { parameters: [], result: ptr },
  TF_DeleteGraph: { parameters: [ptr], result: "void" },
  TF_NewOperation: { parameters: [ptr, buf, buf], result: ptr },
  TF_AddInput: { parameters: [ptr, output], result: "void" },
  TF_AddInputList: { parameters: [ptr, buf, "i32"], result: "void" },
  TF_AddControlInput: { parameters: [ptr, ptr], result: "void" },
  TF_SetAttrString: { parameters: [ptr, buf, buf, "usize"], result: "void" },
  TF_SetAttrStringList: { parameters: [ptr, buf, buf, buf, "i32"], result: "void" },
  TF_SetAttrInt: { parameters: [ptr, buf, "i64"], result: "void" },
  TF_SetAttrIntList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TF_SetAttrFloat: { parameters: [ptr, buf, "f32"], result: "void" },
  TF_SetAttrFloatList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TF_SetAttrBool: { parameters: [ptr, buf, "u8"], result: "void" },
  TF_SetAttrBoolList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TF_SetAttrType: { parameters: [ptr, buf, "i32"], result: "void" },
  TF_SetAttrTypeList: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TF_SetAttrShape: { parameters: [ptr, buf, buf, "i32"], result: "void" },
  TF_SetAttrFuncName: { parameters: [ptr, buf, buf, "usize"], result: "void" },
  TF_SetAttrTensor: { parameters: [ptr, buf, ptr, ptr], result: "void" },
  TF_FinishOperation: { parameters: [ptr, ptr], result: ptr },
  TF_OperationOutputType: { parameters: [output], result: "i32" },
  TF_GraphSetTensorShape: { parameters: [ptr, output, buf, "i32", ptr], result: "void" },
  TF_GraphGetTensorNumDims: { parameters: [ptr, output, ptr], result: "i32" },
  TF_GraphGetTensorShape: { parameters: [ptr, output, buf, "i32", ptr], result: "void" },
  TF_GraphToFunctionWithControlOutputs: {
    parameters: [ptr, buf, "u8", "i32", ptr, "i32", buf, "i32", buf, ptr, "i32", buf, ptr, ptr, ptr, ptr],
    result: ptr,
  },
  TF_FunctionSetAttrValueProto: { parameters: [ptr, buf, buf, "usize", ptr], result: "void" },
  TF_DeleteFunction: { parameters: [ptr], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
