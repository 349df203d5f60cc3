-- The agent's login for SQL Server 2016 and later. Run as a sysadmin. Written from Microsoft's documents; not run against a server.
-- Choose the password, and write it into the file that agent.toml names.
CREATE LOGIN wardround WITH PASSWORD = N'choose-a-Password-1', CHECK_POLICY = ON, DEFAULT_DATABASE = master;
-- States and definitions of the server: no table of the business. SQL Server 2022 knows narrower rights
-- (VIEW SERVER PERFORMANCE STATE, VIEW SERVER SECURITY STATE, VIEW ANY SECURITY DEFINITION), which serve as well.
GRANT VIEW SERVER STATE TO wardround;
GRANT VIEW ANY DEFINITION TO wardround;
GO
