"""A foreign client of the collector's gRPC services: Debian's grpcio, with no code generated from our files.

Everything it knows of the services it learns by reflection. Usage: noc.py HOST:PORT DIR CALL [ARGUMENT...], where DIR holds
client.key, client.crt and ca.crt. Prints one JSON object per line; a refusal is {"code": ..., "message": ..., "details": [...]}.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
# The certificate of a collector carries this name, whatever address it is dialled by.
NAME = "collector.wardround.internal"


def message_class(pool, name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


def reflection_messages():
    """The few messages of grpc.reflection.v1 that are needed, built by hand."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="r", syntax="proto3")

    def message(name, fields):
        m = file.message_type.add(name=name)
        for number, field, kind, repeated in fields:
            f = m.field.add(name=field, number=number, label=3 if repeated else 1)
            if kind in ("string", "bytes"):
                f.type = 9 if kind == "string" else 12
            else:
                f.type, f.type_name = 11, ".r." + kind

    message("Request", [(4, "file_containing_symbol", "string", False), (7, "list_services", "string", False)])
    message("Service", [(1, "name", "string", False)])
    message("Services", [(1, "service", "Service", True)])
    message("Files", [(1, "file_descriptor_proto", "bytes", True)])
    message("Reply", [(4, "files", "Files", False), (6, "services", "Services", False)])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_class(pool, "r.Request"), message_class(pool, "r.Reply")


class Server:
    def __init__(self, address, folder):
        read = lambda name: open(f"{folder}/{name}", "rb").read()
        options = [("grpc.ssl_target_name_override", NAME)]
        try:
            own = (read("client.key"), read("client.crt"))
        except FileNotFoundError:
            own = (None, None)
        credentials = grpc.ssl_channel_credentials(read("ca.crt"), *own)
        self.channel = grpc.secure_channel(address, credentials, options)
        self.pool = descriptor_pool.DescriptorPool()
        self.known = set()

    def reflect(self, **asked):
        request, reply = reflection_messages()
        call = self.channel.stream_stream(
            REFLECTION, request_serializer=request.SerializeToString, response_deserializer=reply.FromString
        )
        return next(call(iter([request(**asked)])))

    def services(self):
        return sorted(s.name for s in self.reflect(list_services="*").services.service)

    def learn(self, symbol):
        for raw in self.reflect(file_containing_symbol=symbol).files.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name not in self.known:
                self.known.add(file.name)
                self.pool.Add(file)

    def method(self, service, name):
        if service not in self.known:
            self.learn(service)
            self.known.add(service)
        method = self.pool.FindServiceByName(service).methods_by_name[name]
        request = message_class(self.pool, method.input_type.full_name)
        reply = message_class(self.pool, method.output_type.full_name)
        streams = self.channel.unary_stream if name == "Watch" else self.channel.unary_unary
        call = streams(
            f"/{service}/{name}", request_serializer=request.SerializeToString, response_deserializer=reply.FromString
        )
        return request, call

    def details(self, error):
        """The Conflict messages among the details of a refusal."""
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status = descriptor_pb2.FileDescriptorProto(name="s.proto", package="s", syntax="proto3")
                any_type = status.message_type.add(name="Any")
                any_type.field.add(name="type_url", number=1, label=1, type=9)
                any_type.field.add(name="value", number=2, label=1, type=12)
                whole = status.message_type.add(name="Status")
                whole.field.add(name="details", number=3, label=3, type=11, type_name=".s.Any")
                pool = descriptor_pool.DescriptorPool()
                pool.Add(status)
                for any_ in message_class(pool, "s.Status").FromString(value).details:
                    name = any_.type_url.rsplit("/", 1)[1]
                    yield as_json(message_class(self.pool, name).FromString(any_.value))


def as_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def say(what):
    print(json.dumps(what, ensure_ascii=False), flush=True)


def main():
    address, folder, what, *arguments = sys.argv[1:]
    server = Server(address, folder)
    incidents = "wardround.noc.v1.Incidents"
    try:
        if what == "services":
            say(server.services())
        elif what == "raw":
            # A call with an empty message, for those who cannot even reflect.
            say(list(server.channel.unary_unary(arguments[0])(b"", timeout=10)))
        elif what == "raw-stream":
            say(len(next(server.channel.stream_stream(arguments[0])(iter([b""]), timeout=10))))
        elif what == "health":
            request, call = server.method("grpc.health.v1.Health", "Check")
            say(as_json(call(request(service=incidents), timeout=10)))
        elif what == "watch-health":
            request, call = server.method("grpc.health.v1.Health", "Watch")
            for reply in call(request(service=incidents)):
                say(as_json(reply))
        elif what == "watch":
            request, call = server.method(incidents, "Watch")
            for event in call(request(resume_revision=int(arguments[0]))):
                say(as_json(event))
        else:
            request, call = server.method(incidents, what)
            body = json_format.ParseDict(json.loads(arguments[0]), request())
            say(as_json(call(body, timeout=10)))
    except grpc.RpcError as error:
        details = list(server.details(error)) if server.known else []
        say({"code": error.code().name, "message": error.details(), "details": details})


main()
