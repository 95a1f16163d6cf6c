%% Evaluates expressions that come over TCP, as "rabbitmqctl eval" does, but without the
%% third of a second that rabbitmqctl needs to start. Node.writeFiles replaces PORT.
Evaluate = fun(Text) ->
    try
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text) ++ "."),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, _} = erl_eval:exprs(Expressions, []),
        io_lib:format("value ~0tp", [Value])
    catch
        Class:Reason -> io_lib:format("~0tp", [{Class, Reason}])
    end
end,
Serve = fun(Socket) ->
    {ok, Text} = gen_tcp:recv(Socket, 0),
    gen_tcp:send(Socket, unicode:characters_to_binary(Evaluate(Text))),
    gen_tcp:close(Socket)
end,
Accept = fun Again(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    spawn(fun() -> Serve(Socket) end),
    Again(Listener)
end,
spawn(fun() ->
    {ok, Listener} = gen_tcp:listen(PORT, [binary, {packet, 4}, {active, false}, {reuseaddr, true}, {ip, {127, 0, 0, 1}}]),
    Accept(Listener)
end).
